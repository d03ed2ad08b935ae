"""A back-test in sentences: what the rule would have done, and what may be expected of it."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.attribution import Interval, Verdict
from campaigns.models import Channel
from campaigns.reasons import REASONS, in_words
from campaigns.reports.result_words import by_chance
from patients import wording
from triggers.models import Backtest
from triggers.reasons import REASONS as WHY_NOT
from triggers.selectors.words import distance

Result = Mapping[str, Any]


def reason(code: str, purpose: str = "marketing") -> str:
    """In words: those of the gate, then those of steps."""
    if code == "waiting":
        return _("found no place below the daily limit while it was of use")
    return str(WHY_NOT[code] if code in WHY_NOT and code not in REASONS else in_words(code, purpose))


def fate(code: str) -> str:
    """What became of one message of one patient."""
    if code == "written":
        return pgettext("message", "written")
    if code == "ahead":
        return _("still ahead")
    return reason(code)


def state(code: str) -> str:
    """What became of an occasion."""
    return {
        "open": "",
        "holdout": _("hold-out"),
        "cooldown": _("too soon after the last one"),
    }.get(code, code)


def step(line: Mapping[str, Any]) -> str:
    return _("Message %(n)s, %(when)s") % {"n": line["position"], "when": distance(line["offset"], line["unit"])}


def part_of(number: int, of: int, what: str) -> str:
    """«12 % от 4 500 сообщений: …»."""
    if not of:
        return ""
    return _("%(share)s of %(of)s %(what)s") % {
        "share": wording.share(number / of), "of": wording.number(of), "what": what
    }  # fmt: skip


def busiest(result: Result) -> tuple[dt.date, int] | None:
    """The day with the most messages of all branches together."""
    days: dict[str, int] = defaultdict(int)
    for day, _branch, number in result["load"]:
        days[day] += number
    if not days:
        return None
    day = max(sorted(days), key=lambda one: days[one])
    return dt.date.fromisoformat(day), days[day]


def period(found: Backtest) -> str:
    return f"{wording.day(found.first_day)} — {wording.day(found.last_day)}"


def headline(found: Backtest) -> str:
    """The one sentence on top."""
    result = found.result
    if not result["occasions"]:
        return _("In this period the rule would have found nobody.")
    said = {
        "occasions": wording.number(result["occasions"]),
        "patients": wording.patients_count(result["written_patients"]),
        "messages": ngettext("%(n)s message", "%(n)s messages", result["messages"])
        % {"n": wording.number(result["messages"])},
        "per_day": wording.number(result["messages"] / max(result["days"], 1), 1),
    }
    if not result["messages"]:
        return (
            ngettext(
                "The rule would have found %(occasions)s occasion and written to nobody: see why below.",
                "The rule would have found %(occasions)s occasions and written to nobody: see why below.",
                result["occasions"],
            )
            % said
        )
    return (
        ngettext(
            "The rule would have found %(occasions)s occasion and written to %(patients)s: %(messages)s, "
            "%(per_day)s a day on average.",
            "The rule would have found %(occasions)s occasions and written to %(patients)s: %(messages)s, "
            "%(per_day)s a day on average.",
            result["occasions"],
        )
        % said
    )


def adds_up(result: Result) -> str:
    """Where every occasion went."""
    parts = [_("%(n)s begin a ladder") % {"n": wording.number(result["ladders"])}]
    if result["holdout"]:
        parts.append(_("%(n)s are held out to compare with") % {"n": wording.number(result["holdout"])})
    if result["cooldown"]:
        parts.append(_("%(n)s come too soon after the last ladder") % {"n": wording.number(result["cooldown"])})
    occasions = ngettext("%(n)s occasion", "%(n)s occasions", result["occasions"]) % {
        "n": wording.number(result["occasions"])
    }
    return f"{occasions}: {', '.join(parts)}."


def expected(result: Result) -> str:
    """How many more would have come, in a sentence that says where the figure is from."""
    found = result["expected"]
    people = found["people"]
    if found["source"] == "measured":
        return _measured(found, people)
    if found["source"] == "none":
        return _("A service message is not sent to bring visits, so none are promised here.")
    if not people["n"]:
        return _("Nobody would have been written to, so nothing can be expected.")
    _value, low, high = found["visits"]
    return _(
        "From %(low)s to %(high)s more patients coming back. This is an assumption, not a measurement: the rule has no "
        "hold-out of its own yet, so the 15–20 %% more repeat visits claimed in the trade are taken. Switched on with "
        "a hold-out, the rule measures its own figure."
    ) % {"low": wording.number(low), "high": wording.number(high)}


def _measured(found: Mapping[str, Any], people: Mapping[str, Any]) -> str:
    """A gain is expected again; a harm is told; what may be chance promises nothing."""
    if found["verdict"] == Verdict.GAIN:
        said = _("%(returns)s because of it, if it works as it has worked so far: %(measured)s.")
    elif found["verdict"] == Verdict.HARM:
        said = _("The messages did harm so far, and this can be believed: %(returns)s, %(measured)s.")
    else:
        said = _("%(chance)s Nothing is promised. So far: %(returns)s, %(measured)s.")
    return said % {"returns": _returns(found), "measured": _over(found), "chance": caution(found)}


def _returns(found: Mapping[str, Any]) -> str:
    value, low, high = found["visits"]
    words = {"value": wording.signed(value), "low": wording.signed(low), "high": wording.signed(high)}
    return ngettext(
        "%(value)s return (from %(low)s to %(high)s)", "%(value)s returns (from %(low)s to %(high)s)", abs(round(value))
    ) % words  # fmt: skip


def _over(found: Mapping[str, Any]) -> str:
    if found.get("weeks") is None:
        return _("measured against its own hold-out")
    return ngettext(
        "measured against its own hold-out over %(n)s week", "measured against its own hold-out over %(n)s weeks",
        found["weeks"],
    ) % {"n": wording.number(found["weeks"])}  # fmt: skip


def caution(found: Mapping[str, Any]) -> str:
    """What may be believed of a measured figure, in the judgement of the rule's page; "" when it may be."""
    if found["verdict"] in (Verdict.GAIN, Verdict.HARM):
        return ""
    if found["verdict"] == Verdict.SMALL:
        return _("Too few have been compared to tell it from chance.")
    if found["verdict"] == Verdict.RUNNING:
        return _("It cannot be judged before the first windows have ended.")
    said = by_chance(Interval(*found["share"]))
    return said[:1].upper() + said[1:]


def recount(result: Result, window_days: int) -> list[str]:
    """How the expected figure is computed, line by line, so that it can be done again by hand."""
    found, people = result["expected"], result["expected"]["people"]
    n, came = wording.number(people["n"]), wording.number(people["came"])
    window = wording.days(window_days)
    lines = [
        _(
            "Messages would have gone to %(patients)s on %(ladders)s ladders: a patient may have several occasions. "
            "Ladders of one patient that begin within %(window)s count as one window: %(n)s windows."
        )
        % {
            "patients": wording.patients_count(result["written_patients"]),
            "ladders": wording.number(result["written_ladders"]), "n": n, "window": window,
        },
        _(
            "In %(came)s of the %(n)s windows the patient came within %(window)s after the first message without "
            "having got it: %(share)s."
        )
        % {"n": n, "came": came, "window": window, "share": wording.share(_ratio(people["came"], people["n"]), 1)},
    ]  # fmt: skip
    if people["ended"] < people["n"]:
        lines.append(
            _("%(n)s of these windows have not ended yet: fewer have come than will.")
            % {"n": wording.number(people["n"] - people["ended"])}
        )
    if found["source"] == "assumed":
        _value, low, high = found["visits"]
        lines.append(
            _("%(came)s × 15 %% = %(low)s; %(came)s × 20 %% = %(high)s.")
            % {"came": came, "low": wording.number(low, 1), "high": wording.number(high, 1)}
        )
    if found["source"] == "measured":
        lines += _compared(found, n)
    return lines


def _compared(found: Mapping[str, Any], n: str) -> list[str]:
    treated, holdout = found["treated"], found["holdout"]
    share, low, high = found["share"]
    lines = [
        _("Written to: %(came)s of %(n)s came (%(share)s); hold-out: %(hcame)s of %(hn)s (%(hshare)s).")
        % {
            "came": wording.number(treated["came"]), "n": wording.number(treated["n"]),
            "share": wording.share(_ratio(treated["came"], treated["n"]), 1),
            "hcame": wording.number(holdout["came"]), "hn": wording.number(holdout["n"]),
            "hshare": wording.share(_ratio(holdout["came"], holdout["n"]), 1),
        },
        _("The difference, %(share)s (from %(low)s to %(high)s with %(level)s confidence), × %(n)s = %(value)s.")
        % {
            "level": wording.share(found.get("level", 0.95)),
            "share": wording.points(share), "low": wording.points(low), "high": wording.points(high), "n": n,
            "value": wording.signed(found["visits"][0], 1),
        },
    ]  # fmt: skip
    if found.get("since"):
        lines.append(
            _("Hold-outs from %(since)s to %(until)s.")
            % {
                "since": wording.day(dt.date.fromisoformat(found["since"])),
                "until": wording.day(dt.date.fromisoformat(found["as_of"])),
            }
        )
    return lines


def _ratio(number: int, of: int) -> float | None:
    return number / of if of else None


def channel(code: str) -> str:
    return str(Channel(code).label) if code in Channel.values else ""

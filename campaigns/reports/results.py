"""Tables, tiles and pictures of results, for pages and files."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns import reasons
from campaigns.attribution import Estimate, Group, share_interval
from campaigns.models import MessageEvent
from campaigns.reports import result_words as words
from campaigns.selectors.results import Part, Report
from patients import wording
from segmentation.reports.pictures import Column, Picture

EVENTS = ("delivered", "opened", "clicked", "bounced", "complained", "unsubscribed", "outcome")
GOAL = 5  # the column of `groups`
LEAST_COST = 1_000  # ₽


class Compared(Protocol):
    """Anything that was compared with a hold-out: a campaign, a rule."""

    @property
    def whole(self) -> Estimate: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def holdout(self) -> Mapping[str, Any]: ...
    @property
    def promo(self) -> Mapping[str, float]: ...
    @property
    def only_ended(self) -> bool: ...


def tiles(report: Compared) -> list[dict[str, Any]]:
    """Variables of components/_stat.html."""
    whole = report.whole
    made = [_came_tile(whole)]
    if whole.difference and whole.extra and whole.money_each and whole.money:
        rough = _("few payments: a rough figure") if whole.money_rough else ""
        made += [
            {
                "term": "extra_patients", "value": wording.signed(whole.extra.value),
                "of": words.between(whole.extra), "tone": "",
            },
            {
                "term": "money_each", "value": wording.signed_money(round(whole.money_each.value)),
                "of": words.money_between(whole.money_each), "notice": rough,
            },
            {
                "term": "campaign_income", "value": words.signed_short(whole.money.value),
                "of": words.money_between(whole.money), "notice": rough,
            },
        ]  # fmt: skip
    return [*made, _cost_tile(whole), *_promo_tiles(report)]


def _came_tile(whole: Estimate) -> dict[str, Any]:
    of = _("%(came)s of %(n)s written to") % {
        "came": wording.number(whole.treated.came), "n": wording.number(whole.treated.n)
    }  # fmt: skip
    change = wording.points(whole.difference.value) if whole.difference else ""
    tone = ("good" if whole.difference.value > 0 else "bad") if whole.difference and whole.believable else ""
    since = _("against the hold-out") if change else ""
    return {
        "term": "came_back", "value": wording.share(whole.treated.share, 1), "of": of, "change": change, "since": since,
        "tone": tone,
    }  # fmt: skip


def _cost_tile(whole: Estimate) -> dict[str, Any]:
    """What a rouble brought is said when it may be believed, and of a sum worth dividing by."""
    proven = whole.money is not None and whole.money.excludes_zero and not whole.money_rough
    back = whole.returned if proven and whole.treated.cost >= LEAST_COST else None
    of = ""
    if back:
        of = _("%(each)s of extra income per ₽ (%(between)s)") % {
            "each": wording.money(back.value, words.decimals(back)),
            "between": words.between(back, words.decimals(back)),
        }  # fmt: skip
    return {"term": "campaign_cost", "value": wording.money_short(round(whole.treated.cost)), "of": of}


def _promo_tiles(report: Compared) -> list[dict[str, Any]]:
    if not report.promo.get("visits"):
        return []
    held = (report.holdout.get("promo") or {}).get("visits") or 0
    notice = ngettext(
        "the code went round: %(n)s visit of the hold-out", "the code went round: %(n)s visits of the hold-out", held
    ) % {"n": held} if held else ""  # fmt: skip
    return [
        {
            "term": "promo_visits", "value": wording.number(report.promo["visits"]),
            "of": _("for %(money)s") % {"money": wording.money_short(report.promo["money"])}, "notice": notice,
        }
    ]  # fmt: skip


# --- Tables -----------------------------------------------------------------------------------------------------
def groups(report: Compared, *, with_goal: bool = True) -> Picture:
    """Treated and hold-out side by side. Without a target of its own the goal is to come: the column says it twice."""
    rows = [_group_row(_("Written to"), report.whole.treated, report.facts, report.only_ended)]
    if report.whole.holdout.n:
        rows.append(_group_row(_("Hold-out"), report.whole.holdout, report.holdout, report.only_ended))
    columns: list[Column] = [
        (_("Group"), "text"), (_("Patients"), "number"), (_("Came"), "number"), (_("Share"), "share"),
        (_("Visits"), "number"), (_("For the goal"), "number"), (_("Paid"), "number"), (_("Income"), "money"),
        (_("Per patient"), "money"),
    ]  # fmt: skip
    if not with_goal:
        columns, rows = [*columns[:GOAL], *columns[GOAL + 1 :]], [[*row[:GOAL], *row[GOAL + 1 :]] for row in rows]
    return Picture(key="groups", title=_("Both groups"), columns=columns, rows=rows)


def _group_row(name: str, group: Group, figures: Mapping[str, Any], only_ended: bool) -> list[Any]:
    kept = figures.get("complete") or {} if only_ended else figures
    goal = kept.get("goal")
    return [
        name, group.n, group.came, group.share, group.visits, goal, group.paid, round(group.money, 2),
        None if group.per_patient is None else round(group.per_patient, 2),
    ]  # fmt: skip


def _compared_columns(first: str) -> list[Column]:
    return [
        (first, "text"), (_("Patients"), "number"), (_("Came"), "number"), (_("Share"), "share"),
        (_("Against: patients"), "number"), (_("Against: share"), "share"), (_("Difference, pp"), "text"),
        (_("Verdict"), "text"),
    ]  # fmt: skip


def _compared_row(name: str, found: Estimate) -> list[Any]:
    difference = words.points_between(found.difference) if found.difference else None
    return [
        name, found.treated.n, found.treated.came, found.treated.share, found.holdout.n, found.holdout.share,
        difference, words.verdict_label(found.verdict),
    ]  # fmt: skip


def variants(report: Report) -> Picture:
    """Each variant against the hold-out, then the variants against each other."""
    rows = [_compared_row(part.name, part.estimate) for part in report.variants]
    rows += [
        _compared_row(_("%(one)s against %(other)s") % {"one": pair.one, "other": pair.other}, pair.estimate)
        for pair in report.versus
    ]
    note = ngettext(
        "%(n)s comparison", "%(n)s comparisons: the intervals are widened so that all of them hold together",
        report.comparisons,
    ) % {"n": report.comparisons}  # fmt: skip
    return Picture(key="variants", title=_("Variants"), note=note, columns=_compared_columns(_("Variant")), rows=rows)


def segments(report: Report) -> list[Picture]:
    """One table per segmentation, by the segments of the day of planning."""
    return [_segment_table(number, name, parts) for number, (name, parts) in enumerate(report.segments.items())]


def _segment_table(number: int, name: str, parts: Sequence[Part]) -> Picture:
    return Picture(
        key=f"segments-{number}",
        title=name,
        note=_("By the segment of the day of planning. Look for ideas here, not for proof: parts are small."),
        columns=_compared_columns(_("Segment")),
        rows=[_compared_row(part.name, part.estimate) for part in parts],
    )


def funnel(report: Report) -> Picture:
    """From the audience to the click, with every exclusion and its reason."""
    found = report.funnel
    rows: list[list[Any]] = []
    if found:
        audience, sent = found["audience"], found["states"].get("sent", 0)
        rows.append([_("Audience"), audience, 1.0 if audience else None])
        rows += [_step(f"− {_reason(code)}", n, audience) for code, n in _largest(found["excluded"])]
        rows.append(_step(_("Hold-out"), found["holdout"], audience))
        rows.append(_step(_("Chosen to be written to"), found["drawn"], audience))
        rows += [_step(f"− {_reason(code)}", n, audience) for code, n in _largest(found["not_sent"])]
        rows.append(_step(_("Sent"), sent, audience))
        labels = dict(MessageEvent.Kind.choices)
        rows += [_step(str(labels[kind]).capitalize(), found[kind], sent) for kind in EVENTS if found.get(kind)]
    return Picture(
        key="funnel",
        title=_("From the audience to the click"),
        note=_("Shares up to “Sent” are of the audience, below it of what was sent; clicks and opens are of people"),
        columns=[(_("Step"), "text"), (_("Patients"), "number"), (_("Share"), "share")],
        rows=rows,
    )


def _step(label: str, count: int, of: int) -> list[Any]:
    return [label, count, count / of if of else None]


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _reason(code: str) -> str:
    return str(reasons.REASONS.get(code, code))


def curve(report: Report) -> Picture:
    """The share that had come by each day after the message."""
    treated, held = (figures.get("came_by") or [] for figures in (report.facts, report.holdout))
    days = max(len(treated), len(held))
    rows = [[day + 1, _at(treated, day), _at(held, day)] for day in range(days)]
    return Picture(
        key="curve",
        title=_("Who came by which day"),
        note=_("Share of the patients with a completed visit by the day after their message, or after its missed turn"),
        columns=[(_("Day"), "number"), (_("Written to"), "share"), (_("Hold-out"), "share")],
        rows=rows,
        config={
            "kind": "days",
            "axis": _("days after the message"),
            "series": [
                _line(_("Written to"), treated, report.whole.treated),
                *([_line(_("Hold-out"), held, report.whole.holdout)] if held else []),
            ],
        },
        empty=_("No window has begun yet."),
    )


def _at(values: Sequence[float], day: int) -> float | None:
    return values[day] if day < len(values) else None


def _line(name: str, values: Sequence[float], group: Group) -> dict[str, Any]:
    """With the interval of its last point: the band a reader needs to see that two lines may be one."""
    end = None
    if values and group.n:
        last = share_interval(min(round(values[-1] * group.n), group.n), group.n)
        end = [len(values), round(last.low, 6), round(last.high, 6)]
    points = [[0, 0.0], *([day + 1, value] for day, value in enumerate(values))]
    return {"name": name, "unit": "share", "data": points, "interval": end}

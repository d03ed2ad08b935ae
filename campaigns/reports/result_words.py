"""Results in sentences: what may be said, and about when more may be said."""

import datetime as dt

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from campaigns.attribution import Enough, Interval, Pooled, Verdict
from campaigns.selectors.results import Report
from patients import wording

ALIKE = 0.05  # p value below which campaigns are said to differ


def points_between(found: Interval, decimals: int = 1) -> str:
    """«+2,3 п. п. (от +0,4 до +4,2)»."""
    low, high = (wording.signed(bound * 100, decimals) for bound in (found.low, found.high))
    between = _("from %(low)s to %(high)s") % {"low": low, "high": high}
    return f"{wording.points(found.value, decimals)} ({between})"


def between(found: Interval, decimals: int = 0) -> str:
    """«от −12 до +340»: numbers."""
    low, high = (wording.signed(bound, decimals) for bound in (found.low, found.high))
    return _("from %(low)s to %(high)s") % {"low": low, "high": high}


def decimals(found: Interval) -> int:
    """As many as such a number needs: 2.4, but 287."""
    return 0 if abs(found.value) >= 10 else 1


def money_between(found: Interval) -> str:
    """«от −12 тыс. ₽ до +340 тыс. ₽»."""
    return _("from %(low)s to %(high)s") % {"low": signed_short(found.low), "high": signed_short(found.high)}


def signed_short(value: float) -> str:
    text = wording.money_short(round(value))
    return f"+{text}" if round(value) > 0 else text


def verdict_label(verdict: Verdict) -> str:
    """A word for tables."""
    return {
        Verdict.NOTHING_YET: _("nothing yet"),
        Verdict.NO_HOLDOUT: _("no hold-out"),
        Verdict.RUNNING: pgettext("result", "being counted"),
        Verdict.SMALL: _("too few"),
        Verdict.GAIN: pgettext("result", "gain"),
        Verdict.HARM: pgettext("result", "harm"),
        Verdict.NOT_SHOWN: _("may be chance"),
    }[verdict]


def headline(report: Report) -> str:
    """The one sentence on top of the results of a campaign."""
    whole = report.whole
    if whole.verdict == Verdict.NOTHING_YET:
        return _nothing_yet(report)
    if whole.verdict == Verdict.NO_HOLDOUT:
        return _(
            "%(share)s of %(patients)s came within %(days)s. There was no hold-out, so nobody can say how many of them "
            "would have come anyway: nothing is proven."
        ) % {
            "share": wording.share(whole.treated.share, 1), "patients": wording.patients_count(whole.treated.n),
            "days": wording.days(report.facts.get("window") or report.campaign.window_days),
        }  # fmt: skip
    assert whole.difference is not None
    words = {
        "treated": wording.share(whole.treated.share, 1),
        "holdout": wording.share(whole.holdout.share, 1),
        "difference": points_between(whole.difference),
    }
    if whole.verdict == Verdict.RUNNING:
        said = _("So far %(treated)s came against %(holdout)s without a message: %(difference)s.") % words
        if report.ends:
            return f"{said} " + _("It can be judged on %(day)s, when the last window ends.") % {
                "day": wording.day(report.ends)
            }
        return f"{said} " + _("It can be judged when the first windows have ended.")
    said = _("%(treated)s came against %(holdout)s without a message: %(difference)s") % words
    return f"{said} — {_judged(report)}"


def _judged(report: Report) -> str:
    verdict = report.whole.verdict
    if verdict == Verdict.GAIN:
        return _("this can be believed.")
    if verdict == Verdict.HARM:
        return _("the messages did harm, and this can be believed.")
    if verdict == Verdict.SMALL:
        return _("too few to tell: %(n)s in the smaller group, %(came)s came in all.") % {
            "n": wording.number(min(report.whole.treated.n, report.whole.holdout.n)),
            "came": wording.number(report.whole.treated.came + report.whole.holdout.came),
        }
    return by_chance(report.whole.difference)


def by_chance(difference: Interval | None) -> str:
    """Why nothing is proven, to end a sentence: the interval, or the exact test alone, which is the stricter one where
    few came."""
    if difference and difference.excludes_zero:
        return _("this may be chance: the interval does not hold zero, but the stricter test does not confirm it.")
    return _("this may be chance, the interval holds zero.")


def _nothing_yet(report: Report) -> str:
    state = report.campaign.State
    if report.campaign.state in (state.DRAFT, state.WAITING, state.PLANNING):
        return _("The campaign has not begun: there is nothing to count yet.")
    if report.as_of is None:
        return _("Nothing has been counted yet: results come with the night after the first messages.")
    if report.campaign.state in (state.FINISHED, state.STOPPED) and not report.funnel.get("drawn"):
        return _("Nobody was written to: there is nothing to compare.")
    return _("No window has begun yet: counting starts on the day after the first messages.")


def sufficient(report: Report) -> str:
    """Whether there is enough to believe, and about when there will be; empty when it has been judged."""
    needed = report.needed
    if needed is None or report.visible is None:
        return ""
    seen = _("Groups of this size show a difference of %(points)s or more.") % {
        "points": wording.points(report.visible).lstrip("+")
    }
    if report.whole.verdict == Verdict.RUNNING and not report.campaign.standing:
        return seen
    return f"{seen} {missing(needed, report.as_of, can_wait=report.campaign.standing)}"


def missing(needed: Enough, today: dt.date | None, *, can_wait: bool) -> str:
    """How many patients more, and about when."""
    if needed.needed is None:
        return _("So far both groups come alike: no number of patients would show a difference that is not there.")
    words = {"needed": wording.patients_count(_rounded(needed.needed)), "effect": wording.points(needed.effect)}
    if not needed.more:
        return (
            _(
                "For the effect seen so far (%(effect)s with caution) the groups are large enough to show it four "
                "times in five."
            )
            % words
        )
    words["more"] = wording.number(_rounded(needed.more))
    said = _(
        "For the effect seen so far (%(effect)s with caution) about %(needed)s are needed in both groups together, "
        "%(more)s more."
    ) % words  # fmt: skip
    if not can_wait:
        return f"{said} " + _("One campaign will not do: look at campaigns of the same kind together.")
    if needed.weeks is None or today is None:
        return f"{said} " + _("At today's pace that takes more than three years: it is not worth waiting for.")
    weeks = ngettext("about %(n)s week", "about %(n)s weeks", needed.weeks) % {"n": wording.number(needed.weeks)}
    when = today + dt.timedelta(weeks=needed.weeks)
    return f"{said} " + _("At today's pace that is in %(weeks)s, around %(day)s.") % {
        "weeks": weeks, "day": wording.day(when)
    }  # fmt: skip


def _rounded(value: int) -> int:
    """Two digits that count: 12 345 → 12 000."""
    unit = 10 ** max(len(str(value)) - 2, 0)
    return -(-value // unit) * unit


def of_pool(found: Pooled | None) -> str:
    """The sentence on top of all campaigns together."""
    if found is None:
        return _(
            "No finished campaign with a hold-out yet. Leave a hold-out of 10 % in the next one: without it nobody can "
            "say what it earned."
        )
    campaigns = ngettext("%(n)s campaign", "%(n)s campaigns", found.campaigns) % {"n": found.campaigns}
    words = {
        "campaigns": campaigns,
        "difference": points_between(found.difference),
        "money": signed_short(found.money.value),
        "between": money_between(found.money),
    }
    said = _("%(campaigns)s: %(difference)s came because of them, %(money)s of income (%(between)s)") % words
    if not found.real:
        return f"{said} — {by_chance(found.difference)}"
    if found.difference.value < 0:
        return f"{said} — {_('the messages did harm, and this can be believed.')}"
    if found.money.low > 0:
        return f"{said} — {_('this can be believed.')}"
    return f"{said} — {_('that they came can be believed, the money not yet.')}"


def unlike(found: Pooled | None) -> str:
    """A warning when the mean hides campaigns that differ."""
    if found is None or found.unlike is None or found.unlike >= ALIKE:
        return ""
    return _("The campaigns differ more than chance allows: look at each of them, not only at the mean.")

"""What became of the messages and the occasions of a rule, in words."""

import datetime as dt
from collections.abc import Iterable

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import reasons as of_messages
from campaigns.attribution import Verdict
from campaigns.models import Message
from campaigns.reports import result_words
from campaigns.selectors.call_origins import zone_of
from patients import wording
from patients.models import Branch
from triggers import reasons
from triggers.models import Firing, FiringStep
from triggers.selectors.of_patient import to_come
from triggers.selectors.rule_results import RuleReport

# State of a firing -> (label, what it means, tone of its bar), in the order of the page.
FIRINGS: dict[str, tuple[Promise, Promise, str]] = {
    "open": (gettext_lazy("Going on"), gettext_lazy("Messages are still to come."), "main"),
    "done": (
        gettext_lazy("Ended"), gettext_lazy("Every message was sent, is on its way, or was decided against."), "good"
    ),
    "holdout": (gettext_lazy("Hold-out"), gettext_lazy("Chosen by chance; get nothing, to compare with."), "hold"),
    "cooldown": (gettext_lazy("Too soon"), gettext_lazy("The rule had written to them shortly before."), "quiet"),
    "withdrawn": (
        gettext_lazy("Withdrawn"), gettext_lazy("The occasion is no more: it was moved or cancelled."), "quiet"
    ),
    "late": (gettext_lazy("Too late"), gettext_lazy("Became known when no message was of use any more."), "warn"),
    "stopped": (gettext_lazy("Stopped"), gettext_lazy("Ended by a person."), "quiet"),
}  # fmt: skip


def fate(state: str, reason: str, purpose: str = "marketing") -> str:
    """What became of one message: the state, and the reason when it was not sent."""
    said = reason_words(reason, purpose)
    label = str(_state_label(state))
    return f"{label}: {said}" if said else label


def of_step(step: FiringStep) -> str:
    """What became of a step of a firing; its row of the ledger knows best once it was planned."""
    if step.state == FiringStep.State.PLANNED and step.message:
        reason = "" if step.message.state == Message.State.SENT else step.message.reason
        return fate(step.message.state, reason, step.message.purpose)
    return fate(step.state, step.reason)


def _state_label(state: str) -> str | Promise:
    if state in FiringStep.State.values and state not in Message.State.values:
        return FiringStep.State(state).label
    return Message.State(state).label if state in Message.State.values else state


def reason_words(code: str, purpose: str = "marketing") -> str:
    """A reason of a step or of a row of the ledger; "" for none."""
    return str(reasons.REASONS.get(code) or of_messages.in_words(code, purpose))


def headline(report: RuleReport) -> str:
    """What may be said of the rule today."""
    whole = report.whole
    if whole.verdict == Verdict.NOTHING_YET:
        return _nothing_yet(report)
    if whole.verdict == Verdict.NO_HOLDOUT:
        return _(
            "%(share)s came within %(days)s (written to: %(patients)s). There is no hold-out, so nobody can say how "
            "many of them would have come anyway: nothing is proven."
        ) % {
            "share": wording.share(whole.treated.share, 1), "patients": wording.patients_count(whole.treated.n),
            "days": wording.days(report.rule.window_days),
        }  # fmt: skip
    assert whole.difference is not None
    said = {
        "treated": wording.share(whole.treated.share, 1), "holdout": wording.share(whole.holdout.share, 1),
        "difference": result_words.points_between(whole.difference),
    }  # fmt: skip
    if whole.verdict == Verdict.RUNNING:
        found = _("So far %(treated)s came against %(holdout)s without a message: %(difference)s.") % said
        return f"{found} {_('It can be judged when the first windows have ended.')}"
    return _("%(treated)s came against %(holdout)s without a message: %(difference)s") % said + " — " + _judged(report)


def _judged(report: RuleReport) -> str:
    verdict, whole = report.whole.verdict, report.whole
    if verdict == Verdict.GAIN:
        return _("this can be believed.")
    if verdict == Verdict.HARM:
        return _("the messages did harm, and this can be believed.")
    if verdict == Verdict.SMALL:
        return _("too few to tell: %(n)s in the smaller group, %(came)s came in all.") % {
            "n": wording.number(min(whole.treated.n, whole.holdout.n)),
            "came": wording.number(whole.treated.came + whole.holdout.came),
        }
    return result_words.by_chance(whole.difference)


def _nothing_yet(report: RuleReport) -> str:
    if report.as_of is None:
        if report.rule.enabled:
            return _("Nothing has been counted yet: results come with the night after the first messages.")
        return _("The rule has not written to anybody: there is nothing to count yet.")
    if report.rule.holdout_percent and not report.whole.holdout.n:
        return _("Nobody is in the hold-out yet: there is nothing to compare with.")
    return _("No window has begun yet: counting starts on the day after the first messages.")


def sufficient(report: RuleReport) -> str:
    """Whether there is enough to believe, and about when there will be; empty when it has been judged."""
    needed = report.needed
    if needed is None or report.visible is None:
        return ""
    seen = _("Groups of this size show a difference of %(points)s or more.") % {
        "points": wording.points(report.visible).lstrip("+")
    }
    return f"{seen} {result_words.missing(needed, report.as_of, can_wait=report.rule.enabled)}"


def small_sample(report: RuleReport) -> str:
    """A warning, when the smaller group is small; else ""."""
    fewest = min(report.whole.treated.n, report.whole.holdout.n)
    if report.whole.verdict in (Verdict.NOTHING_YET, Verdict.NO_HOLDOUT) or fewest >= 30:
        return ""
    return _("Only %(patients)s in the smaller group: treat with care.") % {"patients": wording.patients_count(fewest)}


def occasions(number: int) -> str:
    return ngettext("%(n)s occasion", "%(n)s occasions", number) % {"n": wording.number(number)}


def state_of(firing: Firing, steps: Iterable[FiringStep]) -> tuple[str, str]:
    """(label, what it means). Of a ladder that is decided a message may still lie in the ledger, for the morning."""
    label, meaning, _tone = FIRINGS[firing.state]
    waiting = [step.message for step in steps if step.message and to_come(step)]
    if firing.state != Firing.State.DONE or not waiting:
        return str(label), str(meaning)
    last = max(waiting, key=lambda message: message.due_at)
    if last.reason == of_messages.QUIET_HOURS:
        return _("Decided; the last message waits for the morning"), ""
    if last.reason == of_messages.DAILY_LIMIT:
        return _("Decided; the last message waits for the next day"), ""
    return _("Decided; the last message is on its way"), ""


def of_firing(firing: Firing, steps: Iterable[FiringStep]) -> str:
    """What became of an occasion: its state with what it means."""
    return ". ".join(filter(None, state_of(firing, steps)))


def moment_at(moment: dt.datetime, branch: Branch | None) -> str:
    """A moment by the clock of the branch, of the clinic when there is none."""
    return formats.date_format(moment.astimezone(zone_of(branch)), "SHORT_DATETIME_FORMAT")


def day_of(moment: dt.datetime) -> str:
    """The day of a moment by the clinic's clock."""
    return wording.short_day(timezone.localdate(moment))

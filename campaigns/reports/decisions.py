"""Why a patient was written to by a campaign, or why not, in a sentence (F7)."""

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import reasons
from campaigns.models import Message
from campaigns.selectors.of_patient import Decision
from patients import wording

State = Message.State


def told(decision: Decision) -> str:
    """One sentence; the conditions that do not hold are listed beside it."""
    if decision.message is not None:
        return of_message(decision.message)
    if decision.broken:
        return _("Not in the ledger of the campaign; its conditions can no longer be checked.")
    if decision.left_out:
        return _("Left out: the exception of the audience holds today.")
    if decision.failed:
        return _("Not in the audience: as of today these conditions do not hold.")
    campaign = decision.campaign
    if campaign.standing and campaign.state == campaign.State.RUNNING:
        return _("Fits the audience today: the next night takes the patient in.")
    return _("Fits the audience today, but did not when the campaign was planned.")


def of_message(message: Message) -> str:
    """What was decided and done about one row of the ledger."""
    channel = message.get_channel_display()
    if message.state == State.HOLDOUT:
        return _("In the hold-out: chosen by lot to get nothing, so that the campaign can be measured.")
    if message.state == State.SENT and message.sent_at:
        return _ended(_("Sent by %(channel)s on %(day)s.") % {"channel": channel, "day": _day(message.sent_at)})
    if message.state in (State.PLANNED, State.DEFERRED):
        said = _ended(_("Goes by %(channel)s on %(day)s.") % {"channel": channel, "day": _day(message.due_at)})
        return f"{said} {_sentence(_reason(message))}" if message.reason else said
    if message.state == State.SENDING:
        return _("Is being sent right now.")
    if message.state == State.UNKNOWN:
        return _("May have been sent: %(reason)s.") % {"reason": _reason(message)}
    if message.state == State.EXPIRED:
        return _("Not sent: no longer useful.")
    return _("Not sent: %(reason)s.") % {"reason": _reason(message)}


def _reason(message: Message) -> str:
    return str(reasons.in_words(message.reason, message.purpose))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _ended(sentence: str) -> str:
    """One full stop, also behind a date that ends in one ("2026 г.")."""
    return sentence.replace("..", ".")


def _day(moment: object) -> str:
    return wording.day(timezone.localdate(moment))  # type: ignore[arg-type]

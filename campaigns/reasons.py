"""Why something was not sent, or not sent yet: the codes of Message.reason, in words. Complete and in order of check.

Those up to the caps are decided by the gate (services.decisions, services.gate), when planned and again right before
sending; there `late` comes right after `gone`.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NO_ADDRESS, MINOR, NO_CONSENT, SUPPRESSED_ADDRESS = "no_address", "minor", "no_consent", "suppressed_address"
OTHER_BRANCH, GOAL_MET, HOUSEHOLD, CAP_PERSON, CAP_ADDRESS = (
    "other_branch", "goal_met", "household", "cap_person", "cap_address",
)  # fmt: skip
NO_TEXT, GONE, LATE, WITHDRAWN = "no_text", "gone", "late", "withdrawn"
QUIET_HOURS, DAILY_LIMIT, NOT_ACCEPTED_YET = "quiet_hours", "daily_limit", "not_accepted_yet"
STOPPED, REFUSED, NOT_RENDERED, CHANNEL_FAILED, INTERRUPTED, NO_ANSWER = (
    "stopped", "refused", "not_rendered", "channel_failed", "interrupted", "no_answer",
)  # fmt: skip

REASONS = {
    GONE: _("the card was deleted or merged"),
    OTHER_BRANCH: _("belongs to another branch"),
    MINOR: _("a child without a guardian on record"),
    NO_ADDRESS: _("no address on the channels"),
    NO_CONSENT: _("has not agreed to advertising"),
    SUPPRESSED_ADDRESS: _("the address is suppressed: it bounced, complained or unsubscribed"),
    GOAL_MET: _("has booked already"),
    WITHDRAWN: _("the occasion is no more: it was moved or cancelled"),
    HOUSEHOLD: _("another family member with the same address is written to"),
    NO_TEXT: _("no text in a language of the patient"),
    LATE: _("no longer useful"),
    CAP_PERSON: _("has had enough messages for now"),
    CAP_ADDRESS: _("the address has had enough messages for now"),
    QUIET_HOURS: _("night at the patient's: waits for the morning"),
    DAILY_LIMIT: _("the daily limit is reached: waits for the next day"),
    NOT_ACCEPTED_YET: _("the provider asked to try again later"),
    STOPPED: _("the campaign or the rule was stopped"),
    REFUSED: _("the provider refused the address"),
    NOT_RENDERED: _("the text could not be written for this patient"),
    CHANNEL_FAILED: _("the provider failed"),
    INTERRUPTED: _("the process died while sending: it may have been sent"),
    NO_ANSWER: _("the provider did not answer: it may have been sent"),
}
# Service messages need no agreement; what stands against them is a refusal.
_OF_SERVICE = {NO_CONSENT: _("has refused service messages on this channel")}


def in_words(code: str, purpose: str = "marketing") -> str | Promise:
    """The reason of a message of this purpose, in words; a code that is not known as it is."""
    known = REASONS | _OF_SERVICE if purpose == "service" else REASONS
    return known.get(code, code)

"""Why a step of a ladder was not even asked for, in words: the codes of FiringStep.reason.

Steps that were planned have a row of the ledger, and its reason (campaigns.reasons).
"""

from django.utils.translation import gettext_lazy as _

BEFORE_ON, LATE, COOLDOWN, HOLDOUT = "before_on", "late", "cooldown", "holdout"
WITHDRAWN, STOPPED, LADDER_OVER, OVERTAKEN, GOAL_MET, RESENT, CHANGED = (
    "withdrawn", "stopped", "ladder_over", "overtaken", "goal_met", "resent", "changed",
)  # fmt: skip

REASONS = {
    BEFORE_ON: _("fell due before the rule was switched on"),
    LATE: _("no longer useful"),
    COOLDOWN: _("too soon after the last messages of this rule"),
    HOLDOUT: _("belongs to the hold-out: gets nothing, to compare with"),
    WITHDRAWN: _("the occasion is no more: it was moved or cancelled"),
    STOPPED: _("its ladder was stopped"),
    CHANGED: _("the messages of the rule were changed"),
    OVERTAKEN: _("the next message of the ladder was due already"),
    GOAL_MET: _("has booked already"),
    RESENT: _("sent again: the first time it may not have been sent"),
    LADDER_OVER: _("the messages of this rule have ended for this patient"),
}

"""The words of the portal and what they mean; templates show them by `{% term "ltv" %}`."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Term(NamedTuple):
    word: str | Promise
    meaning: str | Promise


TERMS: dict[str, Term] = {
    "ladder": Term(
        _("Ladder"),
        _(
            "The messages of a rule, one after the other. Before each of them the goal is looked at again: whoever has "
            "booked gets no more."
        ),
    ),
    "occasion": Term(
        _("Occasion"),
        _("What a rule looks for, found for one patient: a service that is due, an appointment. It counts once."),
    ),
    "rule": Term(
        _("Rule"),
        _("What to look for, whom it concerns and which messages follow. It works by itself while it is on."),
    ),
    "base": Term(_("Base"), _("Every patient the clinic knows, from the first enquiry on; merged cards count once.")),
    "lost": Term(
        _("Lost"),
        _(
            "Patients with at least one visit who missed their cycle, or did not return within 3, 6 or 12 months "
            "depending on the service. Up to 30 % of the base is normal."
        ),
    ),
    "ltv": Term(_("LTV"), _("What one patient is worth: average bill × visits per year × years with the clinic.")),
    "average_bill": Term(_("Average bill"), _("Income of the last 365 days ÷ completed visits of the last 365 days.")),
    "nps": Term(
        _("NPS"),
        _(
            "Share of patients who scored 9–10 minus the share who scored 0–6, by the last answer of each patient "
            "within 365 days. From −100 to +100."
        ),
    ),
    "reach": Term(
        _("Agreed to advertising"),
        _("Share of the base with a consent to advertising on at least one channel: who may be written to at all."),
    ),
    "income": Term(_("Income"), _("Money paid by patients minus refunds.")),
    "money_365": Term(_("Paid in a year"), _("What the patients paid within the last 365 days, minus refunds.")),
    "money_at_stake": Term(
        _("Money at stake"),
        _("What the patients who moved had paid in the 365 days before the move: it may be lost, or has been won."),
    ),
    "rfm": Term(
        _("RFM"),
        _(
            "Three scores from 1 (worst) to 5 (best): how long ago the patient came, how often they come, "
            "how much they pay."
        ),
    ),
    "recency": Term(
        _("Recency"), _("R: days since the last visit, measured in the patient's own cycles. 5 — has just been here.")
    ),
    "frequency": Term(_("Frequency"), _("F: how often the patient comes. 5 — the most frequent fifth of the base.")),
    "monetary": Term(_("Money"), _("M: how much the patient pays. 5 — the fifth of the base that pays most.")),
    "move": Term(_("Move"), _("A patient leaves one segment and enters another on the same night.")),
    "lifecycle": Term(
        _("Lifecycle"),
        _("From the first enquiry through active visits to due, overdue and lost, by the patient's cycle."),
    ),
    "value": Term(_("Value tiers"), _("Patients by what they are worth: VIP, stable, one-off, unprofitable.")),
    "satisfaction": Term(
        _("Satisfaction × profit"), _("Patients by their last NPS answer and by the margin they bring.")
    ),
    "came_back": Term(
        _("Came"),
        _("Share of the patients with at least one completed visit within the days counted after the message."),
    ),
    "holdout": Term(
        _("Hold-out"),
        _(
            "A random part of the audience that gets nothing. What it does shows what would have happened without the "
            "campaign; only the difference is earned by it."
        ),
    ),
    "extra_patients": Term(
        _("Extra patients"),
        _(
            "Patients who came because of the campaign: the difference of the shares × those written to. The truth "
            "lies between the two numbers 95 times in 100."
        ),
    ),
    "money_each": Term(
        _("Extra income per patient"),
        _("How much more a patient written to paid than one of the hold-out, counting also those who did not come."),
    ),
    "campaign_income": Term(
        _("Income against hold-out"),
        _(
            "Paid by those written to, minus what the hold-out shows they would have paid anyway; refunds subtracted. "
            "The truth lies between the two numbers 95 times in 100."
        ),
    ),
    "campaign_cost": Term(_("Cost"), _("What the messages cost by the prices of the channels.")),
    "promo_visits": Term(
        _("Visits with the promo code"),
        _("Completed visits that name the code of the offer: certain, but only a part of what the campaign did."),
    ),
    "reached": Term(
        _("Reach in 30 days"),
        _("Share of the base that got at least one message within 30 days. 30–60 % of the base is good."),
    ),
}

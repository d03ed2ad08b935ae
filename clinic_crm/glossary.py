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
    "ltv": Term(
        _("LTV by formula"), _("What one patient is worth: average bill × visits per year × years with the clinic.")
    ),
    "ltv_historic": Term(_("Historic LTV"), _("What a patient has paid so far, refunds taken off.")),
    "ltv_predicted": Term(
        _("Predicted LTV"),
        _(
            "What a patient is expected to pay in the 36 months to come: expected visits × expected bill, from the "
            "patient’s own visits and those of all."
        ),
    ),
    "expected_money": Term(
        _("Expected money"),
        _("Sum over patients of expected visits × expected bill. New patients who have not come yet are not in it."),
    ),
    "expected_visits": Term(
        _("Expected visits"), _("Days with a visit that those who have already come are expected to make.")
    ),
    "p_alive": Term(
        _("P(alive)"),
        _(
            "Probability that the patient has not left for good: how long is the silence for a rhythm like theirs? Not "
            "known of who came on one day: there is no rhythm yet."
        ),
    ),
    "alive": Term(
        _("Still with the clinic"),
        _("Sum of the probabilities not to have left for good, of those who came on two days or more."),
    ),
    "next_visit": Term(
        _("Next visit expected"),
        _(
            "The appointment; without one the due date; without either the patient’s own rhythm, while they are likely "
            "to come at all."
        ),
    ),
    "falling": Term(
        _("Falling value"),
        _("Much less is expected of the patient in 12 months than the same patient used to bring in a year."),
    ),
    "concentration": Term(
        _("Concentration"), _("Which part of the money the best patients hold, each list in its own order.")
    ),
    "calibration": Term(
        _("Can it be believed?"),
        _("A forecast made for a day of the past from what was known then, beside what has happened since."),
    ),
    "calibration_correlation": Term(
        _("Correlation"),
        _("1: the patients came exactly in the order foretold; 0: the forecast says nothing. 0.5–0.7 is usual."),
    ),
    "cac": Term(
        _("Cost of acquisition"),
        _("Spend on the channel ÷ patients who came from it for the first time in the same months."),
    ),
    "worth_ahead": Term(
        _("Worth with 36 months ahead"),
        _("What a new patient has brought so far, and what is expected of them in the 36 months to come."),
    ),
    "return": Term(
        _("Brought per rouble"),
        _("Worth of all new patients ÷ spend, that is LTV ÷ cost of acquisition. Below 1 the channel loses money."),
    ),
    "one_off_share": Term(
        _("Came once"),
        _("Share of patients with a single day of visits, of those whose first visit was half a year ago or earlier."),
    ),
    "payback": Term(
        _("Cost is back"),
        _("The month after the first visit by whose end the mean new patient has brought the cost of acquisition."),
    ),
    "median_bill": Term(_("Median bill"), _("Half of the visits with a price cost less, half more, after discounts.")),
    "discount_share": Term(_("Discount share"), _("Discounts ÷ full price.")),
    "package_share": Term(_("Packages"), _("Payments for packages as a share of all that was paid.")),
    "price_sensitivity": Term(
        _("Price sensitivity"),
        _("Whether patients come again more after a discount than after the full price; each is counted once."),
    ),
    "premium": Term(
        _("Ready for the premium option"),
        _("Usually pay what only a quarter pays, at the full price, came twice within a year and did not complain."),
    ),
    "budget": Term(
        _("Price-sensitive"), _("Came three times or more, and discounts took 30 % of the full price or more.")
    ),
    "wanted": Term(_("What VIPs ask for"), _("Services that VIPs use more often than the others do.")),
    "lift": Term(
        _("Times as often"), _("Share of VIPs who used the service ÷ the same share of the others, within 365 days.")
    ),
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
    "cluster": Term(
        _("Cluster"),
        _(
            "Patients who are alike by the features that were chosen, and unlike the other clusters. The data draw the "
            "border, nobody sets it by hand."
        ),
    ),
    "stability": Term(
        _("Stability"),
        _(
            "Whether the same clusters come out when other patients of the same kind are looked at: 1 — always the "
            "same, 0 — by chance. From 0.85 very stable, from 0.7 stable, from 0.5 shaky, below that not to be used."
        ),
    ),
    "silhouette": Term(
        _("Silhouette"),
        _(
            "How much nearer patients are to their own cluster than to the next one, from −1 to 1. From 0.5 the "
            "clusters lie clearly apart, below 0.25 they run into each other."
        ),
    ),
    "separation": Term(
        _("Separation"),
        _(
            "How empty it is between the two clusters that are the least apart: 1 — nobody stands between them, 0 — "
            "there is no gap at all."
        ),
    ),
    "persona": Term(
        _("Persona"),
        _(
            "A cluster told as a person: what troubles them, what they want, what they are afraid of. Written by the "
            "marketer; the offer follows from it."
        ),
    ),
}

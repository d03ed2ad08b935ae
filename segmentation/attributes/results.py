"""What the night has computed: metrics, scores and forecasts. As of the last night, and said so in the editor."""

from dataclasses import replace

from segmentation.attributes.base import Attribute, _
from segmentation.attributes.figures import FORECAST, SCORE, chosen, day, number

M = "segmentation_metrics."
S = "segmentation_score."
F = "segmentation_forecast."


def _share() -> Attribute:
    # Rounded: three tenths of a hundred are not quite 30 in binary.
    column = f"round(({M}discount_share * 100)::numeric, 6)"
    return number(
        "discount_share", "money", _("Discount share"), column, unit="%", most=100, whole=False, nullable=True,
        help=_("Discounts as a share of the full price, over all time."),
    )  # fmt: skip


def _alive() -> Attribute:
    return number(
        "p_alive", "visits", _("Probability to be still with us"), f"round(({F}p_alive * 100)::numeric, 6)",
        table=FORECAST, unit="%", most=100, whole=False, nullable=True, missing=_("came on one day, or no forecast"),
        help=_("Probability that the patient has not left for good: P(alive). Not known of who came on one day."),
    )  # fmt: skip


def _score(code: str, label: str, help: str) -> Attribute:
    return number(code, "segments", label, f"{S}{code}", table=SCORE, least=0, most=5, help=help)


RESULTS = (
    number("visits", "visits", _("Visits in all"), f"{M}visits", most=100_000, unit="visits"),
    number("visits_365", "visits", _("Visits within 365 days"), f"{M}visits_365", most=100_000, unit="visits"),
    day("last_visit", "visits", _("Last visit"), f"{M}last_visit_on", missing=_("has never been here")),
    day("first_visit", "visits", _("First visit"), f"{M}first_visit_on", missing=_("has never been here")),
    day(
        "due", "visits", _("Due"), f"{M}due_on", ahead=True, missing=_("no date when due"),
        help=_("The day on which the patient should come again, by their services and the doctor's word."),
    ),
    _alive(),
    number("expected_visits", "visits", _("Visits expected in 12 months"), f"round({F}visits_12m::numeric, 6)",
           table=FORECAST, whole=False, most=100_000, nullable=True, missing=_("no forecast"),
           help=_("Days with a visit, by the forecast.")),
    day(
        "expected_on", "visits", _("Next visit expected"), f"{F}next_visit_on", table=FORECAST, ahead=True,
        missing=_("no visit is expected"),
        help=_("The appointment; without one the day something is due; without it the patient's own rhythm."),
    ),
    day(
        "next_visit", "visits", _("Next appointment"), f"{M}next_visit_on", ahead=True, back=False,
        missing=_("no appointment last night"),
        help=_("As of the last night; “Appointment” looks at this moment."),
    ),
    number("cancelled", "visits", _("Cancelled in all"), f"{M}cancelled", most=100_000),
    number("no_shows", "visits", _("No-shows in all"), f"{M}no_shows", most=100_000),
    number("cancelled_365", "visits", _("Cancelled or missed within 365 days"), f"{M}cancelled_365", most=100_000),
    chosen("main_service", "visits", _("Main service"), f"{M}main_service_id", table="segmentation_metrics",
           source="service", help=_("The service used on most days.")),
    chosen("first_service", "visits", _("First service"), f"{M}first_service_id", table="segmentation_metrics",
           source="service"),
    chosen("last_doctor", "visits", _("Last doctor"), f"{M}last_doctor_id", table="segmentation_metrics",
           source="doctor"),
    chosen("first_doctor", "visits", _("First doctor"), f"{M}first_doctor_id", table="segmentation_metrics",
           source="doctor"),
    chosen("last_branch", "visits", _("Branch of the last visit"), f"{M}last_branch_id",
           table="segmentation_metrics", source="branch"),
    number("money", "money", _("Paid in all"), f"{M}money", unit="₽", least=-(10**12), whole=False),
    number("money_365", "money", _("Paid within 365 days"), f"{M}money_365", unit="₽", least=-(10**12), whole=False),
    number("average_bill", "money", _("Average bill"), f"{M}average_bill", unit="₽", least=-(10**12), whole=False,
           nullable=True),
    number("margin_365", "money", _("Margin of 365 days"), f"{M}margin_365", unit="₽", least=-(10**12), whole=False,
           help=_("Paid minus the cost of what was rendered.")),
    _share(),
    number("ltv", "money", _("LTV"), f"{S}ltv", table=SCORE, unit="₽", least=-(10**12), whole=False, nullable=True,
           help=_("Average bill × frequency × lifetime.")),
    number("expected_12m", "money", _("Expected in 12 months"), f"{F}money_12m", table=FORECAST, unit="₽", whole=False,
           nullable=True, missing=_("no forecast"), help=_("What the patient will probably pay, by the forecast.")),
    number("last_nps", "opinion", _("Last score 0–10"), f"{M}last_nps", most=10, nullable=True,
           missing=_("has never answered")),
    number("complaints", "opinion", _("Complaints in all"), f"{M}complaints", most=100_000),
    number("complaints_365", "opinion", _("Complaints within 365 days"), f"{M}complaints_365", most=100_000),
    _score("r", _("R score"), _("Recency from 1 to 5; 0 before the first visit.")),
    _score("f", _("F score"), _("Frequency from 1 to 5; 0 before the first visit.")),
    _score("m", _("M score"), _("Money from 1 to 5; 0 before the first visit.")),
    replace(
        chosen("profit_band", "segments", _("Profit"), f"{S}profit_band::text", table=SCORE,
               choices=(("1", _("low")), ("2", _("middle")), ("3", _("high")))),
        help=_("Margin of 365 days compared with the base."),
    ),
)  # fmt: skip

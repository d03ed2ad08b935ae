"""The words behind the reason codes kept in scores and causes."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

REASONS: dict[str, Promise] = {
    # Value
    "cancels_often": _("cancels or misses appointments often"),
    "complains": _("complains repeatedly"),
    "discount_hunter": _("comes for discounts"),
    "negative_margin": _("costs more than is paid"),
    "high_ltv": _("high LTV"),
    "single_visit": _("came on one day only"),
    "low_ltv": _("low LTV"),
    "regular": _("comes regularly, middle LTV"),
    # Satisfaction × profit
    "no_answer": _("no fresh answer"),
    "unhappy": _("unhappy: a low score or a complaint"),
    "neutral": _("neither happy nor unhappy"),
    "happy": _("happy: a high score"),
    "profit_low": _("low profit"),
    "profit_middle": _("middle profit"),
    "profit_high": _("high profit"),
    # Lifecycle
    "no_visit": _("no completed visit yet"),
    "first_visit": _("the first visit was recent"),
    "has_appointment": _("has an appointment"),
    "within_cycle": _("the next visit is not due yet"),
    "recent_visit": _("came recently"),
    "due_soon": _("the next visit is due"),
    "past_due": _("the due date has passed"),
    "missed_cycles": _("missed the visits that were due"),
    "no_visit_months": _("no visit for months"),
    # Falling value
    "silent": _("has fallen silent"),
    "comes_rarer": _("comes more rarely"),
    "pays_less": _("pays less per visit"),
    "as_before": _("as much is expected as before"),
    # Clusters
    "searched_again": _("clusters were looked for anew"),
}

SCORE_NAMES: dict[str, Promise] = {
    "r": pgettext_lazy("score", "recency"),
    "f": pgettext_lazy("score", "frequency"),
    "m": pgettext_lazy("score", "money"),
    "band": pgettext_lazy("score", "profit band"),
}


def reason_label(code: str) -> Promise | str:
    """The reason in words; a code of a kind that is no longer installed stays a code."""
    return REASONS.get(code, code)

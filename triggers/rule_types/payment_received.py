"""A payment came in. Payments implied by a visit are the clinic's own conclusion: nobody is thanked for them."""

import datetime

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.models import Purpose
from patients.models import Payment
from triggers.models import Goal
from triggers.rule_types import visits
from triggers.rule_types.base import Clause, Params, Query, RuleType, Span

_KINDS = [(kind.value, kind.label) for kind in (Payment.Kind.SINGLE, Payment.Kind.PACKAGE)]


class PaymentReceivedForm(forms.Form):
    kinds = forms.MultipleChoiceField(
        choices=_KINDS, initial=[value for value, _label in _KINDS], label=_("payments"),
        widget=forms.CheckboxSelectMultiple, help_text=_("Refunds are never told."),
    )  # fmt: skip
    least_amount = forms.IntegerField(
        label=_("from, ₽"), initial=1, min_value=1, max_value=100_000_000, help_text=_("Smaller payments are not told.")
    )


class PaymentReceived(RuleType):
    code = "payment_received"
    name = _("Payment received")
    description = _("Confirms to the patient that a payment came in, for a single visit or a package.")
    icon = "ti-receipt"
    stage = "after"
    anchored = "moment"
    anchor_words = _("the payment")
    purposes = (Purpose.SERVICE,)
    goals = (Goal.NONE,)
    form_class = PaymentReceivedForm

    def sentence(self, params: Params) -> str:
        words = {
            Payment.Kind.SINGLE.value: gettext("a single payment"),
            Payment.Kind.PACKAGE.value: gettext("a payment for a package"),
        }
        return gettext("There is %(kinds)s of %(amount)s or more.") % {
            "kinds": visits.either([words[kind] for kind in params["kinds"]]),
            "amount": visits.money(params["least_amount"]),
        }

    def occasions(self, params: Params, span: Span) -> Query:
        sql = f"""
            SELECT y.patient_id, y.id::text AS occasion, y.paid_at AS anchor, y.paid_at AS since,
                {visits.main_service({}, "y.visit_id")} AS service_id, y.visit_id, v.branch_id
            FROM patients_payment y LEFT JOIN patients_visit v ON v.id = y.visit_id
            WHERE y.paid_on BETWEEN (%(o_after)s::timestamptz AT TIME ZONE 'UTC')::date - 1
                    AND (%(o_until)s::timestamptz AT TIME ZONE 'UTC')::date + 1
                AND y.paid_at > %(o_after)s AND y.paid_at <= %(o_until)s
                AND y.kind = ANY(%(o_kinds)s) AND y.amount >= %(o_amount)s AND NOT y.implied
                AND y.deleted_at IS NULL {span.only("y.patient_id")}
        """
        asked = {"o_kinds": list(params["kinds"]), "o_amount": int(params["least_amount"])}
        return Query(sql, {**visits.moments(span), **asked})

    def withdrawn(self, params: Params) -> str:
        # Compared as text only behind a check by the key: the occasions of other types are no numbers.
        return """NOT EXISTS (SELECT FROM patients_payment y WHERE y.deleted_at IS NULL
            AND y.id = CASE WHEN f.occasion ~ '^[0-9]{1,18}$' THEN f.occasion::bigint END)"""

    def explain(self, params: Params, patient_id: int, now: datetime.datetime) -> list[Clause]:
        last = (
            Payment.objects.filter(
                patient__in=visits.cards(patient_id), deleted_at__isnull=True, implied=False, paid_at__lte=now,
                kind__in=params["kinds"], amount__gte=params["least_amount"],
            )
            .order_by("-paid_at")
            .first()
        )  # fmt: skip
        if last is None:
            return [Clause(gettext("Has paid %(amount)s or more") % {"amount": visits.money(params["least_amount"])},
                           False)]  # fmt: skip
        told = {
            "amount": visits.money(float(last.amount)),
            "day": date_format(timezone.localtime(last.paid_at), "DATETIME_FORMAT"),
        }
        return [Clause(gettext("Paid %(amount)s: %(day)s") % told, True, timezone.localdate(last.paid_at))]

    def needs(self) -> str:
        if Payment.objects.filter(implied=False, deleted_at__isnull=True).exists():
            return ""
        return gettext("No payments have been posted.")

"""What is computed about a patient: metrics from facts, rhythm per service, scores.

Everything here is a function of the facts up to `as_of`; docs/metrics.md has the formula of every number. Dates are
stored instead of "days since", so that a patient for whom nothing happened need not be rewritten every night.

Metrics and ServiceRhythm are derived: the night writes millions of rows from facts whose references the database has
already checked, and removes the rows of patients who are gone. Their foreign keys are therefore not checked a second
time (`db_constraint=False`; the check costs more than the computation).
"""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models import Branch, Doctor, Patient, Service


def _count(label: Any) -> models.IntegerField:
    return models.IntegerField(label, default=0, db_default=0)


def _money(label: Any) -> models.DecimalField:
    # Wider than a payment: sums of what a confused source has posted must not stop the night of the whole clinic.
    return models.DecimalField(label, max_digits=20, decimal_places=2, default=0, db_default=0)


def _reference(model: type[models.Model]) -> models.ForeignKey:
    return models.ForeignKey(model, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False)


class Metrics(models.Model):
    """One row per patient. Counts are of completed visits unless they say otherwise; money is paid money, in ₽.

    Windows are half-open and end with `as_of`: `visits_365` counts days in (as_of − 365, as_of].
    """

    patient = models.OneToOneField(
        Patient, models.CASCADE, primary_key=True, related_name="metrics", db_constraint=False
    )
    as_of = models.DateField(_("computed on"), help_text=_("The night that last changed a number of this row."))
    # Visits
    first_visit_on = models.DateField(_("first visit"), null=True)
    last_visit_on = models.DateField(_("last visit"), null=True)
    visits = _count(_("visits"))
    visit_days = _count(_("days with a visit"))
    visits_365 = _count(_("visits within 365 days"))
    cancelled = _count(_("cancelled"))
    no_shows = _count(_("no-shows"))
    cancelled_365 = _count(_("cancelled or missed within 365 days"))
    next_visit_on = models.DateField(_("next appointment"), null=True)
    # Money
    money = _money(_("paid in all"))
    money_365 = _money(_("paid within 365 days"))
    refunds = _money(_("refunded"))
    cost = _money(_("cost of what was rendered"))
    margin = _money(_("paid minus cost"))
    margin_365 = _money(_("paid minus cost within 365 days"))
    discount = _money(_("discounts given"))
    discount_share = models.FloatField(_("discount share"), null=True, help_text=_("Discounts ÷ full price."))
    average_bill = models.DecimalField(
        _("average bill"), max_digits=20, decimal_places=2, null=True, help_text=_("Paid in all ÷ visits.")
    )
    # Rhythm
    lifetime_days = models.IntegerField(_("lifetime, days"), null=True, help_text=_("First visit to last visit."))
    own_interval_days = models.FloatField(
        _("own return interval, days"),
        null=True,
        help_text=_("Median days between the days on which the patient came."),
    )
    cycle_days = models.FloatField(
        _("expected cycle, days"), null=True,
        help_text=_(
            "The recall interval of the current service used most; without one, the own interval from three days on."
        ),
    )  # fmt: skip
    due_on = models.DateField(
        _("due on"), null=True,
        help_text=_(
            "The earliest of: a current service due again, the day the doctor named; without either, the last visit "
            "plus the cycle."
        ),
    )  # fmt: skip
    # Feedback
    answers = _count(_("answers"))
    last_nps = models.SmallIntegerField(_("last score 0–10"), null=True)
    last_answer_on = models.DateField(_("last answer"), null=True)
    complaints = _count(_("complaints"))
    complaints_365 = _count(_("complaints within 365 days"))
    # Places and people
    first_service = _reference(Service)
    last_service = _reference(Service)
    main_service = _reference(Service)
    first_doctor = _reference(Doctor)
    last_doctor = _reference(Doctor)
    last_branch = _reference(Branch)

    class Meta:
        verbose_name = _("metrics of a patient")
        verbose_name_plural = _("metrics of patients")

    def __str__(self) -> str:
        return str(self.patient_id)


class ServiceRhythm(models.Model):
    """How one patient uses one service: on how many days, when last, when it is due again.

    `due_on` = last_on + recall interval of the service (empty when the service does not repeat);
    `interval_days` = (last_on − first_on) ÷ (visits − 1).
    """

    pk = models.CompositePrimaryKey("patient_id", "service_id")
    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="rhythms", db_index=False, db_constraint=False
    )  # fmt: skip
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    visits = models.IntegerField(_("visits"), help_text=_("Days on which the service was rendered."))
    first_on = models.DateField(_("first"))
    last_on = models.DateField(_("last"))
    interval_days = models.FloatField(_("mean interval, days"), null=True)
    money = _money(_("billed"))
    due_on = models.DateField(_("due on"), null=True)

    class Meta:
        verbose_name = _("rhythm of a service")
        verbose_name_plural = _("rhythms of services")
        indexes = [models.Index(fields=["service", "last_on"], include=["patient"], name="servicerhythm_by_service")]

    def __str__(self) -> str:
        return f"{self.patient_id}/{self.service_id}"


class Score(models.Model):
    """What the night concluded about a patient, with the reasons in codes; rewritten only when it changes.

    `r`, `f`, `m`: 1 (worst) to 5 (best), 0 when the patient has no completed visit. `ltv` = average bill ×
    frequency (visits per year) × lifetime (years), ₽. `value_reasons` says why a tier was given.

    `r_before` … `profit_band_before` are the scores that held until `changed_on`. They are the memory of hysteresis:
    the same night run again starts from them and not from its own result, and knows what made a patient move.
    """

    patient = models.OneToOneField(Patient, models.CASCADE, primary_key=True, related_name="score", db_constraint=False)
    r = models.SmallIntegerField(_("recency score"), default=0)
    f = models.SmallIntegerField(_("frequency score"), default=0)
    m = models.SmallIntegerField(_("money score"), default=0)
    ltv = models.DecimalField(_("LTV, ₽"), max_digits=20, decimal_places=2, null=True)
    value_reasons = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    profit_band = models.SmallIntegerField(
        _("profit band"), null=True, help_text=_("1 low, 2 middle, 3 high margin within the base.")
    )
    lifecycle_reason = models.CharField(_("reason of the lifecycle state"), max_length=30, blank=True)
    changed_on = models.DateField(_("scores changed on"), null=True)
    r_before = models.SmallIntegerField(_("recency score before"), null=True)
    f_before = models.SmallIntegerField(_("frequency score before"), null=True)
    m_before = models.SmallIntegerField(_("money score before"), null=True)
    profit_band_before = models.SmallIntegerField(_("profit band before"), null=True)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")

    def __str__(self) -> str:
        return f"{self.patient_id}: {self.r}-{self.f}-{self.m}"


class Forecast(models.Model):
    """What a patient is expected to do and to pay, as the models of repeat visits and of the bill have it.

    Written for those who have come at least once, while the models could be fitted (`LtvFit`); a row that is not there
    was not computed. `as_of` is the day the numbers were computed for: everybody's on the day of a new fit, in between
    only those for whom something has changed. Horizons are 91, 365 and 1 096 days after `as_of`; money in ₽ of today's
    prices, which are those of the last 365 days (`LtvFit.bill_level`). `p_alive` is null for one day with a visit: the
    model has nobody leave before the second, whatever the silence. Derived like Metrics; formulas in docs/metrics.md.
    """

    class NextBy(models.TextChoices):
        APPOINTMENT = "appointment", _("an appointment")
        DUE = "due", _("a service due again, or the doctor's word")
        RHYTHM = "rhythm", _("the patient's own rhythm")

    patient = models.OneToOneField(
        Patient, models.CASCADE, primary_key=True, related_name="forecast", db_constraint=False
    )
    as_of = models.DateField(_("computed for"))
    p_alive = models.FloatField(
        _("P(alive)"), null=True,
        help_text=_(
            "Probability that the patient has not left the clinic for good, 0 to 1; not known of who came on one day."
        ),
    )  # fmt: skip
    visits_3m = models.FloatField(_("visits expected in 3 months"))
    visits_12m = models.FloatField(_("visits expected in 12 months"))
    visits_36m = models.FloatField(_("visits expected in 36 months"))
    bill = models.DecimalField(
        _("expected bill, ₽"), max_digits=20, decimal_places=2, null=True,
        help_text=_("Expected payment per day with a visit."),
    )  # fmt: skip
    money_3m = models.DecimalField(_("money expected in 3 months, ₽"), max_digits=20, decimal_places=2, null=True)
    money_12m = models.DecimalField(_("money expected in 12 months, ₽"), max_digits=20, decimal_places=2, null=True)
    money_36m = models.DecimalField(_("money expected in 36 months, ₽"), max_digits=20, decimal_places=2, null=True)
    next_visit_on = models.DateField(_("next visit expected on"), null=True)
    next_visit_by = models.CharField(_("expected because of"), max_length=12, choices=NextBy.choices, blank=True)

    class Meta:
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")

    def __str__(self) -> str:
        return f"{self.patient_id}: {self.money_12m} ₽"

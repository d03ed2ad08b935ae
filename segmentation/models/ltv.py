"""What was fitted to predict visits and money, and how well it has held."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LtvFit(models.Model):
    """The models of repeat visits (BG/NBD) and of the bill (Gamma-Gamma), fitted on the whole base as of a night.

    `visits_params`: r, alpha, a, b, with time in weeks. `money_params`: p, q, gamma, money in ₽. Where a method is
    `formula` the model could not be fitted, `*_reason` says why in a code, and nobody gets a number from it.
    `bill_level` takes bills to the prices of the last 365 days (scoring/ltv/level.py); null without a bill's model.
    """

    class Method(models.TextChoices):
        ML = "ml", _("maximum likelihood")
        PRIOR = "prior", _("maximum likelihood with prior knowledge")
        FORMULA = "formula", _("formula only")

    as_of = models.DateField(_("as of"), unique=True)
    visits_method = models.CharField(_("model of visits"), max_length=8, choices=Method.choices)
    visits_reason = models.CharField(max_length=30, blank=True)
    visits_params = models.JSONField(_("parameters of visits"), default=dict)
    visits_log_likelihood = models.FloatField(_("log-likelihood of visits"), null=True)
    money_method = models.CharField(_("model of the bill"), max_length=8, choices=Method.choices)
    money_reason = models.CharField(max_length=30, blank=True)
    money_params = models.JSONField(_("parameters of the bill"), default=dict)
    money_log_likelihood = models.FloatField(_("log-likelihood of the bill"), null=True)
    bill_level = models.FloatField(
        _("level of bills"), null=True,
        help_text=_("What was paid within 365 days ÷ what the model of the bill says of the same days."),
    )  # fmt: skip
    customers = models.PositiveIntegerField(_("patients with a visit"), default=0)
    repeaters = models.PositiveIntegerField(_("patients who came again"), default=0)
    payers = models.PositiveIntegerField(_("patients who paid"), default=0)
    correlation = models.FloatField(
        _("correlation"), null=True,
        help_text=_("Between the number of visits and the mean bill; the model of the bill assumes there is none."),
    )  # fmt: skip
    seconds = models.FloatField(_("seconds"), default=0)

    class Meta:
        verbose_name = _("fit of the forecast")
        verbose_name_plural = _("fits of the forecast")
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d}"


class Calibration(models.Model):
    """A forecast made for a day of the past, from what was known then, beside what has happened since.

    `figures` holds the tables behind the page: "deciles", "by_visits", "by_week", "by_channel" (see
    services/forecasts/calibrating).
    """

    as_of = models.DateField(_("what has happened until"), unique=True)
    split_on = models.DateField(_("forecast made for"))
    method = models.CharField(_("model of visits"), max_length=8, choices=LtvFit.Method.choices)
    reason = models.CharField(max_length=30, blank=True)
    customers = models.PositiveIntegerField(_("patients"), default=0)
    expected_visits = models.FloatField(_("visits expected"), null=True)
    actual_visits = models.PositiveIntegerField(_("visits that happened"), default=0)
    expected_money = models.DecimalField(_("money expected, ₽"), max_digits=20, decimal_places=2, null=True)
    actual_money = models.DecimalField(_("money that came, ₽"), max_digits=20, decimal_places=2, default=0)
    correlation = models.FloatField(_("correlation of visits expected and happened"), null=True)
    figures = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("calibration of the forecast")
        verbose_name_plural = _("calibrations of the forecast")
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return f"{self.split_on:%Y-%m-%d}–{self.as_of:%Y-%m-%d}"

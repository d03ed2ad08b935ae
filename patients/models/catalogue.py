"""What the clinic consists of: branches, doctors, services, the channels patients come from."""

import zoneinfo

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from patients.models.sources import SourcedModel, StubMixin


class Sex(models.TextChoices):
    FEMALE = "female", _("female")
    MALE = "male", _("male")


def validate_timezone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(_("Unknown time zone: %(value)s"), params={"value": value})


class Branch(SourcedModel, StubMixin):
    """A clinic at one address; its time zone decides on which day a visit happened."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=200)
    city = models.CharField(_("city"), max_length=100, blank=True)
    timezone = models.CharField(_("time zone"), max_length=64, default="Europe/Moscow", validators=[validate_timezone])
    review_url = models.URLField(
        _("page for reviews"), max_length=500, blank=True, db_default="",
        help_text=_("Where a happy patient is asked to leave a public review: maps, a catalogue of doctors."),
    )  # fmt: skip

    class Meta(SourcedModel.Meta):
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Doctor(SourcedModel, StubMixin):
    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=200)
    specialty = models.CharField(_("specialty"), max_length=120, blank=True)
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, blank=True, related_name="doctors", verbose_name=_("branch")
    )

    class Meta(SourcedModel.Meta):
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ServiceGroup(models.Model):
    """A direction of the clinic: cosmetology, dentistry, laboratory. Created by its name in posted services."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=120, unique=True)

    class Meta:
        verbose_name = _("service group")
        verbose_name_plural = _("service groups")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Service(SourcedModel, StubMixin):
    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=300)
    group = models.ForeignKey(
        ServiceGroup, models.PROTECT, null=True, blank=True, related_name="services", verbose_name=_("group")
    )
    price = models.DecimalField(_("price, ₽"), max_digits=12, decimal_places=2, null=True, blank=True)
    cost = models.DecimalField(
        _("cost, ₽"), max_digits=12, decimal_places=2, null=True, blank=True,
        help_text=_("What one rendering costs the clinic: materials, the doctor's share."),
    )  # fmt: skip
    recall_days = models.PositiveIntegerField(
        _("recall interval, days"), null=True, blank=True,
        help_text=_("After how many days the service is due again; empty: it does not repeat."),
    )  # fmt: skip
    learn_recall = models.BooleanField(
        _("learn the interval"), default=True, db_default=True,
        help_text=_(
            "While no interval is set, the one learned from visits counts: by sex and age, as soon as enough patients "
            "have come again."
        ),
    )  # fmt: skip
    sensitive = models.BooleanField(
        _("sensitive"), default=False, db_default=False,
        help_text=_("The name must not appear where others can read it: in a subject line or an SMS."),
    )  # fmt: skip
    min_age = models.PositiveSmallIntegerField(_("from age"), null=True, blank=True)
    max_age = models.PositiveSmallIntegerField(_("to age"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=6, choices=Sex.choices, blank=True, db_default="")

    class Meta(SourcedModel.Meta):
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["name"]
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(min_age__isnull=True)
                | models.Q(max_age__isnull=True)
                | models.Q(min_age__lte=models.F("max_age")),
                name="service_ages_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AcquisitionChannel(models.Model):
    """Where a patient came from: search ads, maps, a friend. Created by its name in posted patients."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=120, unique=True)

    class Meta:
        verbose_name = _("acquisition channel")
        verbose_name_plural = _("acquisition channels")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ChannelSpend(models.Model):
    """What a channel cost in a month; with the patients it brought, this gives the cost of acquisition."""

    channel = models.ForeignKey(
        AcquisitionChannel, models.CASCADE, related_name="spend", verbose_name=_("acquisition channel")
    )
    month = models.DateField(_("month"), help_text=_("Any day of the month; the first is kept."))
    amount = models.DecimalField(_("amount, ₽"), max_digits=14, decimal_places=2)

    class Meta:
        verbose_name = _("channel spend")
        verbose_name_plural = _("channel spend")
        ordering = ["-month", "channel"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "month"], name="channelspend_once_per_month"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="channelspend_month_starts_on_first"),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="channelspend_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.month:%Y-%m}"

    def clean(self) -> None:
        if self.month:
            self.month = self.month.replace(day=1)

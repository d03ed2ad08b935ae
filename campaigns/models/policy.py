"""The rules of the house for every message, and the accounts of the channels."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Channel

WARNING = "Имеются противопоказания. Необходима консультация специалиста."
WARNING_EN = "There are contraindications. Consult a specialist."


class Policy(models.Model):
    """One row: what holds for every message of the clinic. `Policy.load()` creates it with the defaults."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    cap_messages = models.PositiveSmallIntegerField(
        _("advertising messages at most"), default=2, help_text=_("Per person and per address, within the days below.")
    )
    cap_days = models.PositiveSmallIntegerField(_("within, days"), default=7)
    quiet_from = models.TimeField(_("quiet hours from"), default="21:00", help_text=_("Local time of the patient."))
    quiet_until = models.TimeField(_("quiet hours until"), default="09:00")
    approval = models.BooleanField(
        _("approval by a second person"), default=False, help_text=_("Whoever submits a campaign cannot approve it.")
    )
    holdout_percent = models.PositiveSmallIntegerField(_("hold-out by default, %"), default=10)
    window_days = models.PositiveSmallIntegerField(_("results within, days"), default=30)
    warning = models.CharField(
        _("contraindication warning"), max_length=300, default=WARNING,
        help_text=_("Advertising of medical services must carry it: 38-FZ, article 24."),
    )  # fmt: skip
    warning_en = models.CharField(_("contraindication warning in English"), max_length=300, default=WARNING_EN)
    clinic_name = models.CharField(_("name of the clinic"), max_length=200, blank=True, default="")
    clinic_details = models.CharField(
        _("address and licence"), max_length=500, blank=True, default="", help_text=_("Stands at the foot of a mail.")
    )
    public_url = models.URLField(
        _("public address of the portal"), blank=True, default="",
        help_text=_("Links in messages begin with it. Empty: the address from the settings."),
    )  # fmt: skip
    utm_marks = models.BooleanField(
        _("utm marks"), default=True, db_default=True,
        help_text=_("Links lead on with utm_source, utm_medium and utm_campaign, unless they have their own."),
    )  # fmt: skip
    consent_marketing = models.TextField(
        _("consent to advertising"), blank=True, default="", db_default="",
        help_text=_("Read by the patient on the preference page; {clinic}, {details}. Empty: the text of the portal."),
    )  # fmt: skip
    consent_marketing_en = models.TextField(
        _("consent to advertising in English"), blank=True, default="", db_default=""
    )
    consent_service = models.TextField(_("about service messages"), blank=True, default="", db_default="")
    consent_service_en = models.TextField(_("about service messages in English"), blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("rules of sending")
        verbose_name_plural = _("rules of sending")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="policy_is_one_row"),
            models.CheckConstraint(condition=Q(cap_messages__gte=1, cap_days__gte=1), name="policy_cap_positive"),
        ]

    def __str__(self) -> str:
        return str(_("Rules of sending"))

    @classmethod
    def load(cls) -> "Policy":
        policy, created = cls.objects.get_or_create(pk=1)
        if created:
            policy.refresh_from_db()  # the defaults are written as text and read as times
        return policy


class ChannelAccount(models.Model):
    """How a channel sends: provider, sender, limits, price. Secrets come from the environment, never from here."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, unique=True)
    active = models.BooleanField(_("active"), default=True)
    sender = models.CharField(
        _("sender"), max_length=200, blank=True, default="", help_text=_("Clinic <news@clinic.example>, or CLINIC")
    )
    reply_to = models.CharField(_("reply to"), max_length=200, blank=True, default="")
    params: Any = models.JSONField(
        _("settings"), default=dict, blank=True, help_text=_("See docs/channels.md for what each channel takes.")
    )
    per_second = models.FloatField(_("messages per second at most"), default=50)
    per_day = models.PositiveIntegerField(
        _("messages per day at most"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    warm_up_from = models.DateField(
        _("warm-up began"), null=True, blank=True,
        help_text=_("The first day of a new sender. Empty: the sender is known, no warm-up."),
    )  # fmt: skip
    warm_up_start = models.PositiveIntegerField(_("messages on the first day"), default=500)
    warm_up_growth = models.FloatField(_("growth per day"), default=1.5, help_text=_("1.5: half as many again."))
    price = models.DecimalField(
        _("price of a part, ₽"), max_digits=8, decimal_places=2, default=0,
        help_text=_("Of one SMS part, one mail, one call."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["price", "channel"]
        constraints = [
            models.CheckConstraint(condition=Q(per_second__gt=0), name="channelaccount_rate_positive"),
            models.CheckConstraint(condition=Q(warm_up_growth__gte=1), name="channelaccount_warm_up_grows"),
        ]

    def __str__(self) -> str:
        return self.get_channel_display()

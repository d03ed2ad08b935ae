"""What can be said: offers, and templates per channel and language with every version kept."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from patients.models import Branch, Consent, Service, ServiceGroup

Purpose = Consent.Purpose


class Channel(models.TextChoices):
    """The channels that can send today, cheapest first; their codes are those of consents."""

    EMAIL = "email", _("e-mail")
    SMS = "sms", _("SMS")
    CALL = "call", _("call")


class Language(models.TextChoices):
    RU = "ru", _("Russian")
    EN = "en", _("English")


class Offer(models.Model):
    """What the clinic proposes: terms in words, a price or a discount, until when and where, and its promo code.

    No branches means every branch. A promo code in a visit credits the visit to the offer exactly.
    """

    class Kind(models.TextChoices):
        TERMS = "terms", _("terms only")
        PRICE = "price", _("special price, ₽")
        PERCENT = "percent", _("discount, %")
        AMOUNT = "amount", _("discount, ₽")

    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.TERMS)
    value = models.DecimalField(_("value"), max_digits=12, decimal_places=2, null=True, blank=True)
    terms = models.TextField(_("terms"), blank=True, help_text=_("As the patient reads them: {{ offer.terms }}."))
    terms_en = models.TextField(_("terms in English"), blank=True)
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("service")
    )
    group = models.ForeignKey(
        ServiceGroup, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("service group")
    )
    branches = models.ManyToManyField(
        Branch, blank=True, related_name="+", verbose_name=_("branches"), help_text=_("Empty: every branch.")
    )
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until, inclusive"), null=True, blank=True)
    promo_code = models.CharField(_("promo code"), max_length=40, blank=True, db_default="")
    url = models.URLField(_("page of the offer"), max_length=500, blank=True, db_default="")
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
                name="offer_dates_in_order",
            ),
            models.CheckConstraint(
                condition=Q(kind="terms") | Q(value__isnull=False, value__gte=0), name="offer_value_for_its_kind"
            ),
            models.CheckConstraint(
                condition=~Q(kind="percent") | Q(value__lte=100), name="offer_percent_up_to_hundred"
            ),
            models.UniqueConstraint(fields=["promo_code"], condition=~Q(promo_code=""), name="offer_promo_code_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Template(models.Model):
    """A message of one channel and purpose, with a text per language. Its texts change by new versions only."""

    name = models.CharField(_("name"), max_length=200)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices, default=Purpose.MARKETING)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class TemplateText(models.Model):
    """One version of a template in one language: never changed, so that what was sent can be shown for ever.

    `body` is Liquid as the marketer wrote it: MJML for e-mail, plain text for SMS, the script for a call. `html` and
    `plain` are compiled once, when the version is saved: Liquid inside, MJML and styles already resolved.
    """

    template = models.ForeignKey(Template, models.CASCADE, related_name="texts", verbose_name=_("template"))
    language = models.CharField(_("language"), max_length=5, choices=Language.choices, default=Language.RU)
    version = models.PositiveIntegerField(_("version"))
    current = models.BooleanField(_("current"), default=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    preheader = models.CharField(_("preheader"), max_length=300, blank=True)
    body = models.TextField(_("text"))
    html = models.TextField(blank=True, editable=False)
    plain = models.TextField(blank=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    made_at = models.DateTimeField(_("saved"), auto_now_add=True, db_default=Now())

    class Meta:
        verbose_name = _("text of a template")
        verbose_name_plural = _("texts of templates")
        ordering = ["template", "language", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["template", "language", "version"], name="templatetext_version_once"),
            models.UniqueConstraint(
                fields=["template", "language"], condition=Q(current=True), name="templatetext_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_id}/{self.language} v{self.version}"

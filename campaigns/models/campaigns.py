"""Campaigns: an audience, variants of what is said, channels in order of cost, a time, a hold-out."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models.content import Channel, Offer, Purpose, Template, TemplateText
from patients.models import Branch, Service, ServiceGroup


def first_channel() -> list[str]:
    return [str(Channel.EMAIL)]


class Campaign(models.Model):
    """A message to an audience, with a hold-out that proves what it earned.

        draft ──► waiting ──► planning ──► running ──► finished
          │ (approval)  │         │         │   ▲
          │             │         │         ▼   │
          └─────────────┴─────────┤        paused
                                  │         │
                                  └─────────┴──► stopped

    `waiting`: submitted, a second person has to approve (setting of the policy). `planning`: a worker writes the
    ledger; killed, it starts again and writes nothing twice. `running`: messages are being sent as they fall due; a
    campaign for the future runs from its launch, its messages wait for their time. `finished`: every message is in a
    final state. A standing campaign takes whoever enters the audience, night by night, and finishes only when stopped.
    Every change of state is one conditional UPDATE, so that a button pressed twice acts once.

    `audience` is `{"where": <condition tree>, "except": <condition tree> | null}` (segmentation.conditions).
    `salt` keeps the hold-out of one campaign independent of another's. `draft_key` is the form that made the draft:
    sent twice, it makes one. `steps_saved`: how many steps of the wizard have been saved, to go on there.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        WAITING = "waiting", _("waiting for approval")
        PLANNING = "planning", _("being planned")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        FINISHED = "finished", pgettext_lazy("campaign", "finished")
        STOPPED = "stopped", _("stopped")

    name = models.CharField(_("name"), max_length=200)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices, default=Purpose.MARKETING)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    standing = models.BooleanField(
        _("standing"), default=False,
        help_text=_("Takes whoever enters the audience, every night, until it is stopped."),
    )  # fmt: skip
    audience: Any = models.JSONField(_("audience"), default=dict, blank=True)
    branches = models.ManyToManyField(
        Branch, blank=True, related_name="+", verbose_name=_("branches"),
        help_text=_("Patients of other branches are left out. Empty: the branches of the offer."),
    )  # fmt: skip
    channels = ArrayField(
        models.CharField(max_length=10, choices=Channel.choices), default=first_channel, verbose_name=_("channels"),
        help_text=_("The first on which the patient may be reached is used."),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("first messages at"), null=True, blank=True, help_text=_("Empty: at launch."))
    useful_until = models.DateTimeField(
        _("useful until"), null=True, blank=True, help_text=_("What is not sent by then is not sent at all.")
    )
    per_day = models.PositiveIntegerField(
        _("messages per day"), null=True, blank=True,
        help_text=_("Spreads the load on the front desk. Empty: as many as the channel allows."),
    )  # fmt: skip
    holdout_percent = models.PositiveSmallIntegerField(
        _("hold-out, %"), default=10, help_text=_("A random part that gets nothing, to compare with.")
    )
    salt = models.CharField(max_length=32, editable=False, blank=True)
    window_days = models.PositiveSmallIntegerField(
        _("results within, days"), default=30, help_text=_("Visits and payments of so many days count.")
    )
    goal_service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("goal: service"),
        help_text=_("Whoever has an appointment for it is not written to. Empty: any appointment."),
    )  # fmt: skip
    goal_group = models.ForeignKey(
        ServiceGroup, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("goal: service group")
    )
    skip_booked = models.BooleanField(
        _("leave out those who have booked"), default=True, help_text=_("Checked again right before sending.")
    )
    warm_up = models.BooleanField(
        _("warm-up"), default=True, help_text=_("The most active first, within the daily limit of a young sender.")
    )
    error = models.TextField(_("error"), blank=True, editable=False)
    draft_key = models.UUIDField(null=True, blank=True, unique=True, editable=False)
    steps_saved = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    launched_at = models.DateTimeField(_("launched"), null=True, blank=True, editable=False)
    planned_at = models.DateTimeField(_("planned"), null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-id"]
        permissions = [
            ("launch_campaign", _("Can launch, pause and stop campaigns")),
            ("approve_campaign", _("Can approve campaigns of others")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(holdout_percent__lte=90), name="campaign_holdout_up_to_ninety"),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=365), name="campaign_window_within_a_year"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["draft", "waiting", "planning", "running", "paused", "finished", "stopped"]
                ),
                name="campaign_state_is_known",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One of the things an A/B campaign says; `weight` is its share among the treated, relative to the others."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="variants", verbose_name=_("campaign"))
    letter = models.CharField(_("letter"), max_length=1, default="A")
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    offer = models.ForeignKey(Offer, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("offer"))

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        ordering = ["campaign", "letter"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "letter"], name="variant_letter_once"),
            models.CheckConstraint(condition=Q(weight__gte=1), name="variant_weight_positive"),
        ]

    def __str__(self) -> str:
        return self.letter


class VariantTemplate(models.Model):
    """The template a variant uses on a channel."""

    variant = models.ForeignKey(Variant, models.CASCADE, related_name="templates")
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    template = models.ForeignKey(Template, models.PROTECT, related_name="+", verbose_name=_("template"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["variant", "channel"], name="varianttemplate_once_per_channel")]

    def __str__(self) -> str:
        return f"{self.variant_id}/{self.channel}"


class VariantText(models.Model):
    """The versions frozen at launch: what was approved is what is sent, whatever is edited later."""

    variant = models.ForeignKey(Variant, models.CASCADE, related_name="texts")
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    language = models.CharField(_("language"), max_length=5)
    text = models.ForeignKey(TemplateText, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["variant", "channel", "language"], name="varianttext_once_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.variant_id}/{self.channel}/{self.language}"

"""Rules: what to look for, whom it concerns, and the ladder of messages that follows."""

import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models import Channel, Offer, Purpose, Template
from patients.models import Branch, ServiceGroup
from segmentation.models import Segment
from segmentation.models.segmentations import NamedMixin


class Goal(models.TextChoices):
    """What makes the next messages of a ladder needless."""

    NONE = "none", _("nothing: every message is sent")
    VISIT = "visit", _("any appointment")
    SERVICE = "service", _("an appointment for the service it is about")
    GROUP = "group", _("an appointment for a service of a group")


class Unit(models.TextChoices):
    MINUTE = "minute", _("minutes")
    HOUR = "hour", _("hours")
    DAY = "day", _("days")


class TriggerRule(NamedMixin):
    """A rule: a type with its own settings (`params`, checked by the form of the type), an audience, a ladder of steps.

        off ──► on ──► off        `enabled_at`: since when; only steps due after it are ever planned
          └──────────► archived

    A live rule looks at two things in one transaction (services.looking): the stretch of time since it last looked
    (`looked_until`), and the last weeks of patients whose facts have changed since (`horizon`: the snapshot of the
    database it looked at; what a transaction that is not in it has changed is new, however late it was committed).
    `salt` keeps the hold-out of one rule independent of another's; a patient is on the same side every time. `code` is
    its name in commands. A rule that came with the installation keeps its `starter`.
    """

    code = models.SlugField(_("code"), max_length=60, unique=True)
    rule_type = models.CharField(_("type"), max_length=30)
    params: Any = models.JSONField(_("settings"), default=dict, blank=True)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices, default=Purpose.MARKETING)
    goal = models.CharField(
        _("stops when there is"), max_length=10, choices=Goal.choices, default=Goal.VISIT,
        help_text=_("Looked at again before every message; an appointment that is cancelled lets the ladder go on."),
    )  # fmt: skip
    goal_group = models.ForeignKey(
        ServiceGroup, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("group of the goal")
    )
    include = models.ManyToManyField(
        Segment, blank=True, related_name="+", verbose_name=_("only patients of"),
        help_text=_("On the day of the first message. Empty: everybody."),
    )  # fmt: skip
    exclude = models.ManyToManyField(Segment, blank=True, related_name="+", verbose_name=_("never patients of"))
    branches = models.ManyToManyField(
        Branch, blank=True, related_name="+", verbose_name=_("branches"), help_text=_("Empty: every branch.")
    )
    priority = models.SmallIntegerField(
        _("priority"), default=0, help_text=_("Of two rules with a message for one patient the higher one is first.")
    )
    holdout_percent = models.PositiveSmallIntegerField(
        _("hold-out, %"), default=10, help_text=_("A random part that gets nothing, to compare with.")
    )
    salt = models.CharField(max_length=32, editable=False, blank=True)
    cooldown_days = models.PositiveSmallIntegerField(
        _("not again within, days"), default=0, help_text=_("Counted between the first messages of two ladders.")
    )
    window_days = models.PositiveSmallIntegerField(
        _("results within, days"), default=30, help_text=_("Visits and payments of so many days count.")
    )
    send_at = models.TimeField(
        _("time of day"), default=datetime.time(10, 0), help_text=_("By the clock of the patient's branch.")
    )
    per_day = models.PositiveIntegerField(
        _("new ladders a day at a branch"), null=True, blank=True,
        help_text=_("The others wait for the next day while their message is of use. Empty: no limit."),
    )  # fmt: skip
    by_capacity = models.BooleanField(
        _("no more than free slots"), default=False,
        help_text=_("New ladders a day at a branch follow its free slots of the coming days."),
    )  # fmt: skip
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until, inclusive"), null=True, blank=True)
    resend_unknown = models.BooleanField(
        _("send again after a crash"), default=False,
        help_text=_("A service message that may not have been sent is sent again: better twice than never."),
    )  # fmt: skip
    enabled = models.BooleanField(_("on"), default=False)
    enabled_at = models.DateTimeField(_("switched on"), null=True, blank=True, editable=False)
    looked_until = models.DateTimeField(_("looked until"), null=True, blank=True, editable=False)
    horizon = models.TextField(blank=True, default="", editable=False)
    error = models.CharField(_("error"), max_length=200, blank=True, default="", editable=False)
    starter = models.SlugField(max_length=60, null=True, blank=True, unique=True, editable=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())

    class Meta:
        verbose_name = _("trigger rule")
        verbose_name_plural = _("trigger rules")
        ordering = ["-priority", "pk"]
        permissions = [("switch_triggerrule", _("Can switch trigger rules on and off"))]
        constraints = [
            models.CheckConstraint(condition=Q(holdout_percent__lte=90), name="triggerrule_holdout_up_to_ninety"),
            models.CheckConstraint(
                condition=Q(window_days__gte=1, window_days__lte=365), name="triggerrule_window_within_a_year"
            ),
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(enabled_at__isnull=False, looked_until__isnull=False),
                name="triggerrule_on_knows_since_when",
            ),
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(archived_at__isnull=True), name="triggerrule_archived_is_off"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gte=F("valid_from")),
                name="triggerrule_dates_in_order",
            ),
        ]


class TriggerStep(models.Model):
    """One message of the ladder. A step that was used is never changed: editing retires it and makes another.

    When: `offset` units from the anchor of the occasion, negative before it. Anchored on a day, or with `at`: at that
    time of day by the branch's clock, `offset` days from the anchor's day (`at` empty: the rule's `send_at`). Anchored
    on a moment without `at`: exactly so long after it. Of use for `useful_hours` from then on; later it is not sent.
    Who cannot be reached on the first of `channels` is tried on the next (the order is that of cost).
    """

    rule = models.ForeignKey(TriggerRule, models.CASCADE, related_name="steps", verbose_name=_("rule"))
    position = models.PositiveSmallIntegerField(_("step"), default=1)
    offset = models.IntegerField(_("after the occasion"), default=0, help_text=_("Negative: before it."))
    unit = models.CharField(_("unit"), max_length=6, choices=Unit.choices, default=Unit.DAY)
    at = models.TimeField(_("time of day"), null=True, blank=True, help_text=_("Empty: that of the rule."))
    useful_hours = models.PositiveIntegerField(
        _("of use for, hours"), default=48, help_text=_("What could not be sent by then is not sent at all.")
    )
    channels = ArrayField(
        models.CharField(max_length=10, choices=Channel.choices), default=list, verbose_name=_("channels")
    )
    offer = models.ForeignKey(Offer, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("offer"))
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("step of a rule")
        verbose_name_plural = _("steps of rules")
        ordering = ["rule", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "position"], condition=Q(retired_at__isnull=True), name="triggerstep_position_once"
            ),
            models.CheckConstraint(condition=Q(useful_hours__gte=1), name="triggerstep_of_some_use"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}/{self.position}"


class StepTemplate(models.Model):
    """The template a step uses on a channel. The text that is current when the message is planned is sent."""

    step = models.ForeignKey(TriggerStep, models.CASCADE, related_name="templates")
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    template = models.ForeignKey(Template, models.PROTECT, related_name="+", verbose_name=_("template"))

    class Meta:
        verbose_name = _("template of a step")
        verbose_name_plural = _("templates of steps")
        constraints = [models.UniqueConstraint(fields=["step", "channel"], name="steptemplate_once_per_channel")]

    def __str__(self) -> str:
        return f"{self.step_id}/{self.channel}"

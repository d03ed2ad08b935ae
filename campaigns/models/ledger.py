"""The ledger: every decision about a patient is a row, also when nothing is sent; what happened after is a row too."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign, Variant
from campaigns.models.content import Channel, Offer, Purpose, TemplateText
from patients.models import Branch, Patient, Service, Visit


class Dispatcher(models.Model):
    """A process that sends. While it lives it holds the advisory lock of its id; a row it left in `sending` when the
    lock is free was left by a dead process.

    `handing` are the messages that may have reached the provider without a note of the answer: written before they
    are handed over, so that after a crash only these are `unknown`, and the others it had claimed are planned again.
    `ended_at` is a fence: whoever finds it set hands over nothing more under this id.
    """

    started_at = models.DateTimeField(_("started"), auto_now_add=True, db_default=Now())
    ended_at = models.DateTimeField(_("ended"), null=True)
    handing = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        verbose_name = _("dispatcher")
        verbose_name_plural = _("dispatchers")

    def __str__(self) -> str:
        return str(self.pk)


_COUNTS = Q(state__in=["planned", "deferred", "sending", "sent", "unknown"])


def _counts_at() -> Case:
    """The moment at which a message counts against the caps."""
    waiting = When(state__in=["planned", "deferred"], then=F("due_at"))
    return Case(waiting, default=Coalesce("sent_at", "claimed_at", "due_at"))


class Message(models.Model):
    """One decision about one patient, unique by `dedupe_key` (`c<campaign>:p<patient>`; a trigger has its own keys).

        planned ──► sending ──► sent | failed | unknown
           ▲ │                     (failed ──► planned by "retry failed")
           │ ├──► deferred (quiet hours, daily limit) ──► sending
           │ └──► suppressed | cancelled | expired           found out right before sending
        suppressed(reason) | holdout                         decided when planned

    `unknown`: the process died, or the answer never came, between handing over and noting it. Advertising is never
    sent again by itself. Final states carry a `reason` (codes: campaigns.reasons). `due_at` of the hold-out is the
    moment it would have been written to: the results of both groups are counted from `due_at`.
    `recipient` is who reads (a guardian); empty: the patient. `address_key` is the 64-bit hash of the address
    (hashtextextended(lower(address), 0)): caps and households are counted by it, and no address is stored here.
    """

    class State(models.TextChoices):
        PLANNED = "planned", _("planned")
        DEFERRED = "deferred", _("deferred")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("unknown")
        SUPPRESSED = "suppressed", _("not sent")
        HOLDOUT = "holdout", _("hold-out")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    dedupe_key = models.CharField(max_length=80)
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, null=True, related_name="messages", verbose_name=_("campaign"), db_index=False
    )
    variant = models.ForeignKey(
        Variant, models.PROTECT, null=True, related_name="+", verbose_name=_("variant"), db_index=False
    )
    patient = models.ForeignKey(
        Patient, models.CASCADE, related_name="messages", verbose_name=_("patient"), db_index=False
    )
    recipient = models.ForeignKey(
        Patient, models.CASCADE, null=True, related_name="+", verbose_name=_("reader"), db_index=False
    )
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, related_name="+", verbose_name=_("branch"), db_index=False
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices, blank=True, db_default="")
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.CharField(_("reason"), max_length=30, blank=True, db_default="")
    text = models.ForeignKey(TemplateText, models.PROTECT, null=True, related_name="+", db_index=False)
    offer = models.ForeignKey(Offer, models.PROTECT, null=True, related_name="+", db_index=False)
    # What it is about, when it is about something: an appointment to be reminded of, a service that is due.
    visit = models.ForeignKey(
        Visit, models.SET_NULL, null=True, related_name="+", verbose_name=_("visit"), db_index=False
    )
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, related_name="+", verbose_name=_("service"), db_index=False
    )
    address_key = models.BigIntegerField(null=True)
    planned_at = models.DateTimeField(_("planned"))
    due_at = models.DateTimeField(_("due"))
    useful_until = models.DateTimeField(_("useful until"), null=True)
    dispatcher = models.ForeignKey(Dispatcher, models.SET_NULL, null=True, related_name="+", db_index=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    claimed_at = models.DateTimeField(_("claimed"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    provider_id = models.CharField(_("provider's id"), max_length=120, blank=True, db_default="")
    error = models.CharField(_("error"), max_length=200, blank=True, db_default="")
    parts = models.PositiveSmallIntegerField(_("parts"), default=0, db_default=0)
    cost = models.DecimalField(_("cost, ₽"), max_digits=10, decimal_places=2, default=0, db_default=0)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Not unique=True on the field: Django would add a second index, for searches with LIKE.
            models.UniqueConstraint(fields=["dedupe_key"], name="message_once_per_key"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "planned", "deferred", "sending", "sent", "failed", "unknown", "suppressed", "holdout",
                        "cancelled", "expired",
                    ]
                ),
                name="message_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["suppressed", "cancelled", "failed", "unknown"]) | ~Q(reason=""),
                name="message_says_why_not",
            ),
            models.CheckConstraint(condition=~Q(state="sent") | Q(sent_at__isnull=False), name="message_sent_has_time"),
            # Whoever was, or may have been, written to is no comparison.
            models.CheckConstraint(
                condition=~Q(state="holdout") | Q(dispatcher=None, claimed_at=None, sent_at=None),
                name="message_holdout_was_never_taken",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["channel", "campaign", "due_at", "id"],
                condition=Q(state__in=["planned", "deferred"]),
                name="message_due",
            ),
            # What a channel has taken today, when the daily limit has to be counted anew.
            models.Index(
                fields=["channel", "claimed_at"], condition=Q(state__in=["sent", "unknown"]), name="message_of_day"
            ),
            models.Index(fields=["dispatcher"], condition=Q(state="sending"), name="message_in_hand"),
            models.Index(fields=["campaign", "state", "reason", "id"], name="message_of_campaign"),
            models.Index(
                fields=["patient", "due_at"], include=["state", "purpose", "sent_at"], name="message_of_patient"
            ),
            # Rolling caps per address and per reader (services.caps): what was sent or may be, what is to be.
            models.Index(F("address_key"), _counts_at(), condition=_COUNTS, name="message_by_address"),
            models.Index(
                Coalesce("recipient_id", "patient_id"), _counts_at(), condition=_COUNTS, name="message_of_reader"
            ),
            models.Index(fields=["visit"], condition=Q(visit__isnull=False), name="message_about_visit"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_by_provider_id"),
        ]

    def __str__(self) -> str:
        return self.dedupe_key


class Link(models.Model):
    """A target behind a signed link in a text. The address is stored, so a link can lead nowhere else."""

    text = models.ForeignKey(TemplateText, models.CASCADE, related_name="links")
    position = models.PositiveSmallIntegerField(_("position"))
    url = models.TextField(_("address"))

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        constraints = [models.UniqueConstraint(fields=["text", "position"], name="link_once_per_position")]

    def __str__(self) -> str:
        return self.url


class MessageEvent(models.Model):
    """What happened to a message after it was handed over. Never changed; unique per provider event.

    `machine`: a scanner or a preview did it, not a person. Such events are kept and never counted as people.
    """

    class Kind(models.TextChoices):
        DELIVERED = "delivered", _("delivered")
        OPENED = "opened", _("opened")
        CLICKED = "clicked", _("clicked")
        BOUNCED = "bounced", _("bounced")
        DEFERRED = "deferred", _("deferred by the provider")
        COMPLAINED = "complained", _("complained")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        OUTCOME = "outcome", _("outcome of the call")

    message = models.ForeignKey(
        Message, models.CASCADE, related_name="events", verbose_name=_("message"), db_index=False
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    at = models.DateTimeField(_("at"))
    event_id = models.CharField(max_length=160, help_text=_("Unique at the provider, with its name in front: sms:41f…"))
    machine = models.BooleanField(_("by a machine"), default=False, db_default=False)
    link = models.ForeignKey(Link, models.SET_NULL, null=True, related_name="+", db_index=False)
    detail: Any = models.JSONField(_("detail"), default=dict, blank=True)
    received_at = models.DateTimeField(_("received"), auto_now_add=True, db_default=Now())

    class Meta:
        verbose_name = _("event of a message")
        verbose_name_plural = _("events of messages")
        constraints = [models.UniqueConstraint(fields=["event_id"], name="messageevent_once_per_provider_event")]
        indexes = [models.Index(fields=["message", "kind", "machine"], include=["at"], name="messageevent_of_message")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.kind}"

"""Addresses nobody may write to."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Channel
from campaigns.models.ledger import Message


class Suppression(models.Model):
    """An address of a channel that is written to no more. Lifted by setting `lifted_at`, never by deletion.

    `address_key` is the same 64-bit hash as in Message. `marketing_only` suppressions let service messages through.
    """

    class Reason(models.TextChoices):
        BOUNCE = "bounce", _("the address does not exist")
        COMPLAINT = "complaint", _("complained of spam")
        UNSUBSCRIBE = "unsubscribe", _("unsubscribed")
        MANUAL = "manual", _("added by hand")

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    address_key = models.BigIntegerField()
    reason = models.CharField(_("reason"), max_length=12, choices=Reason.choices)
    marketing_only = models.BooleanField(_("advertising only"), default=True, db_default=True)
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    note = models.CharField(_("note"), max_length=200, blank=True, db_default="")
    since = models.DateTimeField(_("since"), db_default=Now())
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "address_key", "reason"], condition=Q(lifted_at__isnull=True),
                name="suppression_once_per_address",
            )
        ]  # fmt: skip
        # Asked by the database for every message that is erased.
        indexes = [models.Index(fields=["message"], condition=Q(message__isnull=False), name="suppression_by_message")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.reason}"

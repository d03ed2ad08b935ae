"""Delivery reports that came before the ledger knew the message they are about."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Channel
from campaigns.models.ledger import MessageEvent


class WaitingReport(models.Model):
    """A signed report about an id no message has (yet): a fast provider reports before its answer is written down.

    Matched again with every report that comes and every minute; forgotten after three days, because then it is about
    nothing of ours.
    """

    channel = models.CharField(max_length=10, choices=Channel.choices)
    provider_id = models.CharField(max_length=120)
    event_id = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=12, choices=MessageEvent.Kind.choices)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    class Meta:
        verbose_name = _("report about an unknown message")
        verbose_name_plural = _("reports about unknown messages")
        indexes = [models.Index(fields=["received_at"], name="waitingreport_received")]

    def __str__(self) -> str:
        return self.event_id

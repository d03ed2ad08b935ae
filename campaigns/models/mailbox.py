"""The mailbox of a local installation: what the catchers of `make run` received instead of the patients."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Channel


class CaughtMessage(models.Model):
    """A mail as it came over SMTP, or an SMS as it came over HTTP. Written by the catcher process only."""

    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    to = models.CharField(_("to"), max_length=320)
    sender = models.CharField(_("sender"), max_length=320, blank=True)
    subject = models.CharField(_("subject"), max_length=500, blank=True)
    raw = models.BinaryField()
    message_id = models.BigIntegerField(null=True, db_index=True)
    at = models.DateTimeField(_("received"), db_default=Now())

    class Meta:
        verbose_name = _("caught message")
        verbose_name_plural = _("caught messages")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"

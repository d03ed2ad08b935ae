"""On which channels the base may be written to: stored every night, because nobody counts a million cards live."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Channel


class ChannelReach(models.Model):
    """Consent to advertising on one channel at the end of a night.

    `granted` and `refused` are patients by their last word; the others have not been asked. `reachable`: granted, with
    an address of the channel that is not suppressed.
    """

    as_of = models.DateField(_("as of"))
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    patients = models.PositiveIntegerField(_("patients"))
    with_address = models.PositiveIntegerField(_("with an address"))
    granted = models.PositiveIntegerField(_("agreed"))
    refused = models.PositiveIntegerField(_("refused"))
    reachable = models.PositiveIntegerField(_("may be written to"))

    class Meta:
        verbose_name = _("reach by channel")
        verbose_name_plural = _("reach by channel")
        ordering = ["-as_of", "channel"]
        constraints = [models.UniqueConstraint(fields=["as_of", "channel"], name="channelreach_once_a_night")]

    def __str__(self) -> str:
        return f"{self.as_of:%Y-%m-%d} {self.channel}: {self.reachable}"

    @property
    def share(self) -> float | None:
        """Of the base."""
        return self.reachable / self.patients if self.patients else None

    @property
    def not_asked(self) -> int:
        return self.patients - self.granted - self.refused

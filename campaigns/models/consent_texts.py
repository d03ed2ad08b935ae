"""What a patient read when giving or withdrawing consent, word for word."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.content import Language, Purpose


class ConsentText(models.Model):
    """A text under which somebody gave a word on the preference page. Written once, never changed.

    `version` stands in Consent.text_version and is derived from the text, so that it can mean no other.
    """

    version = models.CharField(_("text version"), max_length=40, unique=True)
    language = models.CharField(_("language"), max_length=5, choices=Language.choices)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose.choices)
    text = models.TextField(_("text"))
    first_used_at = models.DateTimeField(_("first used"), db_default=Now())

    class Meta:
        verbose_name = _("text of a consent")
        verbose_name_plural = _("texts of consents")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.version

"""Ways of dividing the base, and the parts."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

HEX_COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", _("A colour is written as #rrggbb."))


class NamedMixin(models.Model):
    """A name that clinics may edit, in both languages of the interface."""

    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    description_en = models.TextField(_("description in English"), blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.in_language("name")

    def in_language(self, field: str) -> str:
        """The field in the reader's language; Russian when there is no English text."""
        english = getattr(self, f"{field}_en") if get_language() == "en" else ""
        return str(english or getattr(self, field))

    @property
    def explained(self) -> str:
        return self.in_language("description")


class Segmentation(NamedMixin):
    """One division of the base: every patient is in at most one of its segments at a time.

    `params` are the thresholds of the kind, checked by its own form; the night that follows applies them.
    """

    code = models.SlugField(_("code"), max_length=40, unique=True)
    kind = models.CharField(_("kind"), max_length=20)
    params = models.JSONField(_("thresholds"), default=dict, blank=True)
    refit_every_days = models.PositiveIntegerField(
        _("refit every, days"), default=30,
        help_text=_("Borders that follow the base are fitted anew after so many days, and kept in between."),
    )  # fmt: skip
    active = models.BooleanField(_("active"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("segmentation")
        verbose_name_plural = _("segmentations")
        ordering = ["position", "code"]


class Segment(NamedMixin):
    """One part of a segmentation, with the tactic that goes with it. It has one colour everywhere."""

    segmentation = models.ForeignKey(
        Segmentation, models.CASCADE, related_name="segments", verbose_name=_("segmentation")
    )
    code = models.SlugField(_("code"), max_length=40)
    colour = models.CharField(_("colour"), max_length=7, default="#667085", validators=[HEX_COLOUR])
    tactic = models.TextField(_("tactic"), blank=True)
    tactic_en = models.TextField(_("tactic in English"), blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    # The persona of a cluster, in the marketer's own words.
    problem = models.TextField(_("problem"), blank=True, db_default="")
    need = models.TextField(_("need"), blank=True, db_default="")
    fears = models.TextField(_("fears"), blank=True, db_default="")
    offer = models.TextField(_("draft offer"), blank=True, db_default="")
    # A cluster that the last fit no longer found keeps its history and its texts, and is shown no more.
    active = models.BooleanField(_("active"), default=True, db_default=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["segmentation", "position", "code"]
        constraints = [
            models.UniqueConstraint(fields=["segmentation", "code"], name="segment_code_once_per_segmentation")
        ]

    @property
    def advice(self) -> str:
        return self.in_language("tactic")

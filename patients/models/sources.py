"""Systems that post facts, and what every posted row carries."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

# The code of the portal itself, whose "source" holds what patients say on its own pages. It posts nothing, reads
# nothing and has no token, so lists of outside systems leave it out.
PORTAL = "portal"


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def outside(self) -> "IntegrationQuerySet":
        """Systems other than the portal itself."""
        return self.exclude(code=PORTAL)


class Integration(models.Model):
    """A system that posts facts or reads segments: a MIS, a website, a file import.

    The token itself is shown once, on creation; only its SHA-256 is kept.
    """

    class Scope(models.TextChoices):
        INGEST = "ingest", _("post facts")
        READ = "read", _("read profiles and segments")

    id = models.SmallAutoField(primary_key=True)
    code = models.SlugField(
        _("code"), max_length=40, unique=True, help_text=_("Short name used in commands and imports.")
    )
    name = models.CharField(_("name"), max_length=120, blank=True)
    token_hash = models.CharField(_("token hash"), max_length=64, blank=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope.choices),
        default=list,
        blank=True,
        verbose_name=_("scopes"),
    )
    active = models.BooleanField(_("active"), default=True)
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        default=600,
        help_text=_("Requests above this number are answered with 429."),
    )
    implied_payments = models.BooleanField(
        _("implied payments"),
        default=False,
        help_text=_("The source sends no payments: every completed visit counts as paid in full on its day."),
    )
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        verbose_name = _("integration")
        verbose_name_plural = _("integrations")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["token_hash"], condition=~models.Q(token_hash=""), name="integration_token_is_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.code

    def clean(self) -> None:
        if self.code == PORTAL:
            raise ValidationError({"code": _("This code is the portal's own. Choose another one.")})


class SourcedModel(models.Model):
    """A row that a source owns: `(source, external_id)` is unique, an older `source_updated_at` never wins."""

    source = models.ForeignKey(Integration, models.PROTECT, related_name="+", verbose_name=_("source"), db_index=False)
    external_id = models.CharField(_("external id"), max_length=64)
    source_updated_at = models.DateTimeField(_("updated in the source"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True, db_default=Now())

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="%(class)s_once_per_source")]


class StubMixin(models.Model):
    """A row named by a fact before the source described it: kept, shown on the data page, filled in later."""

    stub = models.BooleanField(
        _("stub"),
        default=False,
        db_default=False,
        help_text=_("Named by a visit, not yet described by the source."),
    )

    class Meta:
        abstract = True

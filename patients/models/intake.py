"""How facts came in: batches, what was refused and why, whose facts have changed since the last night."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Func
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from patients.models.people import Patient
from patients.models.sources import Integration


class Resource(models.TextChoices):
    """What a source can post; the words of the API's addresses."""

    BRANCHES = "branches", _("branches")
    DOCTORS = "doctors", _("doctors")
    SERVICES = "services", _("services")
    PATIENTS = "patients", _("patients")
    VISITS = "visits", _("visits")
    PAYMENTS = "payments", _("payments")
    FEEDBACK = "feedback", _("feedback")
    CONSENTS = "consents", _("consents")
    PACKAGES = "packages", _("packages")
    SLOTS = "slots", _("free slots")


class IngestBatch(models.Model):
    """One bulk request, one imported file or one replay: how many rows it brought and what became of them.

    running -> done | failed (`error` says why; rows taken before the failure stay).
    """

    class Origin(models.TextChoices):
        API = "api", _("API")
        FILE = "file", _("file")
        REPLAY = "replay", _("replay")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    source = models.ForeignKey(Integration, models.PROTECT, related_name="batches", verbose_name=_("source"))
    resource = models.CharField(_("resource"), max_length=10, choices=Resource.choices)
    origin = models.CharField(_("origin"), max_length=6, choices=Origin.choices)
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.RUNNING)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    error = models.TextField(_("error"), blank=True)
    expected = models.PositiveBigIntegerField(_("rows expected"), null=True, blank=True)
    received = models.PositiveBigIntegerField(_("rows received"), default=0)
    created = models.PositiveBigIntegerField(_("created"), default=0)
    updated = models.PositiveBigIntegerField(_("updated"), default=0)
    unchanged = models.PositiveBigIntegerField(_("unchanged"), default=0)
    rejected = models.PositiveBigIntegerField(_("rejected"), default=0)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_resource_display()} {self.started_at:%Y-%m-%d %H:%M}"


class Rejected(models.Model):
    """An item that could not be taken: kept as posted, with its errors by field, until it is replayed or dismissed.

    open -> replayed | dismissed (`resolved_at`, `resolution`).
    """

    class Resolution(models.TextChoices):
        OPEN = "open", _("open")
        REPLAYED = "replayed", _("replayed")
        DISMISSED = "dismissed", _("dismissed")

    batch = models.ForeignKey(IngestBatch, models.CASCADE, related_name="rejections", verbose_name=_("batch"))
    row = models.PositiveBigIntegerField(
        _("row"), help_text=_("Index in the request, counted from 0; in a file the line number.")
    )
    external_id = models.CharField(_("external id"), max_length=64, blank=True)
    payload = models.JSONField(_("as posted"))
    errors = models.JSONField(_("errors"), help_text=_("Field → what is wrong with it."))
    resolution = models.CharField(_("resolution"), max_length=9, choices=Resolution.choices, default=Resolution.OPEN)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("rejected item")
        verbose_name_plural = _("rejected items")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(resolution="open"), name="rejected_open"),
            models.Index(fields=["external_id"], condition=models.Q(resolution="open"), name="rejected_open_by_id"),
        ]

    def __str__(self) -> str:
        return self.external_id or str(self.row)


def _current_transaction() -> Cast:
    return Cast(Cast(Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField())


class ChangedPatient(models.Model):
    """A patient whose facts have changed since the night last looked. Append-only between nights.

    Written by statement triggers in the database (see the migration), so that a fact counts however it came in; the
    night deletes exactly the rows it has read, in the transaction that recomputes those patients.
    """

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # The number of the transaction that changed the facts. Whoever remembers up to which number every transaction had
    # ended (pg_snapshot_xmin) misses no change, however late it was committed, and sees none twice.
    transaction = models.BigIntegerField(db_default=_current_transaction())

    class Meta:
        verbose_name = _("changed patient")
        verbose_name_plural = _("changed patients")
        # Rows are appended in about the order of their numbers: a hundred bytes instead of a tree of millions.
        indexes = [BrinIndex(fields=["transaction"], pages_per_range=16, name="changedpatient_by_transaction")]

    def __str__(self) -> str:
        return str(self.patient_id)

"""Patients."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Replace
from django.utils.translation import gettext_lazy as _

from patients.models.catalogue import AcquisitionChannel, Branch, Sex
from patients.models.sources import SourcedModel, StubMixin


class Patient(SourcedModel, StubMixin):
    """A person known to the clinic, from the first enquiry on.

    States: stub (named by a fact only) -> described; merged (`merged_into` points at the card that is kept);
    deleted (`deleted_at`, kept for the ledger of visits until erasure). Lists show neither merged nor deleted.
    """

    last_name = models.CharField(_("last name"), max_length=120, blank=True, db_default="")
    first_name = models.CharField(_("first name"), max_length=120, blank=True, db_default="")
    middle_name = models.CharField(_("middle name"), max_length=120, blank=True, db_default="")
    sex = models.CharField(_("sex"), max_length=6, choices=Sex.choices, blank=True, db_default="")
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    phone = models.CharField(
        _("phone"), max_length=16, blank=True, db_default="", help_text=_("E.164, for example +79161234567.")
    )
    email = models.EmailField(_("e-mail"), blank=True, db_default="")
    city = models.CharField(_("city"), max_length=100, blank=True, db_default="")
    branch = models.ForeignKey(
        Branch, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("home branch")
    )
    channel = models.ForeignKey(
        AcquisitionChannel, models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("acquisition channel"),
    )  # fmt: skip
    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)
    guardian = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="wards", verbose_name=_("guardian")
    )
    referred_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="referred", verbose_name=_("referred by")
    )
    language = models.CharField(_("language"), max_length=5, blank=True, db_default="")
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged", verbose_name=_("merged into")
    )
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    search_text = models.GeneratedField(
        # Sources write ё and е as they like; whoever searches does too.
        expression=Replace(
            Lower(
                Concat(
                    F("last_name"), Value(" "), F("first_name"), Value(" "), F("middle_name"), Value(" "),
                    F("phone"), Value(" "), F("email"), Value(" "), F("external_id"),
                    output_field=models.TextField(),
                )
            ),
            Value("ё", models.TextField()),
            Value("е", models.TextField()),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip

    class Meta(SourcedModel.Meta):
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        permissions = [
            ("export_patient", _("Can export patient lists")),
            ("view_contacts", _("Can see phones and e-mails")),
        ]
        constraints = [
            *SourcedModel.Meta.constraints,
            models.CheckConstraint(condition=~Q(merged_into=F("id")), name="patient_not_merged_into_itself"),
            models.CheckConstraint(condition=~Q(guardian=F("id")), name="patient_not_own_guardian"),
            models.CheckConstraint(
                condition=Q(phone="") | Q(phone__regex=r"^\+[0-9]{7,15}$"), name="patient_phone_is_e164"
            ),
        ]
        indexes = [
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="patient_search"),
            models.Index(fields=["phone"], condition=~Q(phone=""), name="patient_household"),
            models.Index(fields=["last_name", "first_name", "id"], name="patient_by_name"),
            # Newcomers, every few seconds.
            models.Index(
                fields=["registered_at"], condition=Q(registered_at__isnull=False), name="patient_by_registration"
            ),
            # For the data page: wrong birth dates and cards without a description, without reading the table.
            models.Index(fields=["birth_date"], condition=Q(birth_date__isnull=False), name="patient_by_birth_date"),
            models.Index(fields=["id"], condition=Q(stub=True), name="patient_stubs"),
            # The few who are not counted: sums over facts leave them out without looking up everybody.
            models.Index(
                fields=["id"], condition=Q(deleted_at__isnull=False) | Q(merged_into__isnull=False), name="patient_gone"
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or f"№ {self.external_id}"

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.last_name, self.first_name, self.middle_name) if part)

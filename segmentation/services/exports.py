"""The patients of a list as a file: exactly the list that was filtered, and a line in the log of who took it away."""

from collections.abc import Iterator
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from segmentation.models import Metrics, Segment, Segmentation
from segmentation.selectors import segments
from segmentation.services.spreadsheets import Column, csv_chunks, xlsx_chunks

FORMATS = {
    "csv": (csv_chunks, "text/csv; charset=utf-8"),
    "xlsx": (xlsx_chunks, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_BEFORE_CONTACTS: list[Column] = [
    (_("Card"), "text"), (_("Last name"), "text"), (_("First name"), "text"), (_("Middle name"), "text"),
    (_("Sex"), "text"), (_("Birth date"), "date"),
]  # fmt: skip
_CONTACTS: list[Column] = [(_("Phone"), "text"), (_("E-mail"), "text")]
_AFTER_CONTACTS: list[Column] = [
    (_("Branch"), "text"), (_("Came from"), "text"), (_("Main service"), "text"), (_("First visit"), "date"),
    (_("Last visit"), "date"), (_("Next appointment"), "date"), (_("Visits"), "number"), (_("Paid in all"), "money"),
    (_("Paid in a year"), "money"), (_("Average bill"), "money"), (_("LTV by formula"), "money"),
    ("R", "number"), ("F", "number"), ("M", "number"),
]  # fmt: skip


def export(
    members: QuerySet[Metrics],
    asked: segments.MemberFilter,
    *,
    of: Segment | Segmentation,
    file_format: str,
    user: AbstractUser | AnonymousUser,
    what: dict[str, Any],
) -> Iterator[bytes]:
    """The list in its order, as pieces of a file. The log is written first: also a broken download is known.

    Phones and e-mails are in the file only for those who may see them on the pages.
    """
    with_contacts = user.has_perm("patients.view_contacts")
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(of),
        object_pk=str(of.pk),
        object_id=of.pk,
        object_repr=of.code,
        action=LogEntry.Action.ACCESS,
        actor=user,
        additional_data={"export": file_format, "contacts": with_contacts, **asked.chosen(), **what},
    )
    columns = _BEFORE_CONTACTS + (_CONTACTS if with_contacts else []) + _AFTER_CONTACTS
    writer, _content_type = FORMATS[file_format]
    return writer(columns, (_row(member, with_contacts) for member in segments.all_rows(members, asked)))


def _row(member: Metrics, with_contacts: bool) -> list[Any]:
    patient = member.patient
    score = getattr(patient, "score", None)
    branch = member.last_branch or patient.branch
    contacts = [patient.phone, patient.email] if with_contacts else []
    return [
        patient.external_id, patient.last_name, patient.first_name, patient.middle_name,
        patient.get_sex_display(), patient.birth_date, *contacts,
        branch.name if branch else "", patient.channel.name if patient.channel else "",
        member.main_service.name if member.main_service else "",
        member.first_visit_on, member.last_visit_on, member.next_visit_on, member.visits,
        member.money, member.money_365, member.average_bill, score.ltv if score else None,
        *((score.r, score.f, score.m) if score else (None, None, None)),
    ]  # fmt: skip

"""The people of a campaign as a file, with a line in the log of who took it away."""

from collections.abc import Iterator
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from campaigns.models import Campaign, Message
from campaigns.reasons import in_words
from campaigns.selectors import audience
from campaigns.selectors.audience import PeopleFilter
from segmentation.services.exports import FORMATS
from segmentation.services.spreadsheets import Column

_PERSON: list[Column] = [
    (_("Card"), "text"), (_("Last name"), "text"), (_("First name"), "text"), (_("Middle name"), "text"),
]  # fmt: skip
_CONTACTS: list[Column] = [(_("Phone"), "text"), (_("E-mail"), "text")]
_DECISION: list[Column] = [
    (_("Branch"), "text"), (_("Variant"), "text"), (_("Channel"), "text"), (_("State"), "text"), (_("Reason"), "text"),
    (pgettext_lazy("message", "Due"), "date"), (_("Sent"), "date"), (_("Cost"), "money"),
]  # fmt: skip


def people(
    campaign: Campaign, asked: PeopleFilter, *, file_format: str, user: AbstractUser | AnonymousUser
) -> Iterator[bytes]:
    """The ledger of a campaign, filtered. Phones and e-mails only for those who may see them on the pages."""
    with_contacts = user.has_perm("patients.view_contacts")
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(Campaign),
        object_pk=str(campaign.pk),
        object_id=campaign.pk,
        object_repr=f"campaign {campaign.pk}",
        action=LogEntry.Action.ACCESS,
        actor=user,
        additional_data={
            "export": file_format, "contacts": with_contacts, "state": asked.state, "reason": asked.reason
        },
    )  # fmt: skip
    columns = _PERSON + (_CONTACTS if with_contacts else []) + _DECISION
    writer, _content_type = FORMATS[file_format]
    rows = audience.everybody(audience.ledger(campaign, asked))
    return writer(columns, (_row(message, with_contacts) for message in rows))


def _row(message: Message, with_contacts: bool) -> list[Any]:
    patient = message.patient
    contacts = [patient.phone, patient.email] if with_contacts else []
    return [
        patient.external_id, patient.last_name, patient.first_name, patient.middle_name, *contacts,
        str(message.branch or ""), message.variant.letter if message.variant else "",
        message.get_channel_display() if message.channel else "", message.get_state_display(),
        str(in_words(message.reason, message.purpose)), timezone.localdate(message.due_at),
        timezone.localdate(message.sent_at) if message.sent_at else None, message.cost,
    ]  # fmt: skip

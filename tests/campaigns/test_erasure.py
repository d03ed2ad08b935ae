"""Whoever asks to be forgotten is not found in the campaigns any more; the counts still add up."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from campaigns.models import CallAttempt, CallTask, CaughtMessage, Message, MessageEvent, Suppression
from campaigns.services.consents.erasure import forget
from campaigns.services.hearing.tracking import NewEvent, record
from patients.models import Consent, Patient
from tests.campaigns.making import NOW, make_message, make_patients

pytestmark = pytest.mark.django_db
SECRET = "Неповторимова"


def fill(patient: Patient) -> Message:
    """Everything the campaigns may hold about a patient."""
    sent = make_message(patient, provider_id=f"prov-{patient.pk}", error="552 mailbox of the patient")
    make_message(patient, state="planned")
    make_message(patient, state="deferred", reason="quiet_hours")
    task = CallTask.objects.create(
        patient=patient, title=f"Позвонить: {SECRET}", script=f"Здравствуйте, {SECRET}!", note=SECRET, due_at=NOW
    )
    CallAttempt.objects.create(task=task, number=1, outcome="no_answer", note=SECRET, at=NOW)
    CaughtMessage.objects.create(channel="email", to=patient.email, raw=SECRET.encode(), message_id=sent.pk)
    CaughtMessage.objects.create(channel="sms", to=patient.phone.removeprefix("+"), raw=SECRET.encode())
    record([NewEvent(sent.pk, "unsubscribed", NOW, f"p:{sent.pk}", detail={"words": SECRET})])
    return sent


def everything() -> str:
    """All the text of the campaigns' tables."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'campaigns%%'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT convert_from(convert_to(t::text, 'UTF8'), 'UTF8') FROM \"{table}\" t")
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found) + "".join(
        bytes(caught.raw).decode(errors="replace") for caught in CaughtMessage.objects.all()
    )


def test_nothing_of_the_forgotten_is_left_and_nothing_of_others_is_touched() -> None:
    anna, boris = make_patients(2)
    fill(anna)
    kept = fill(boris)
    others = CallTask.objects.filter(patient=boris).values().get()
    forget([anna.pk], NOW)
    assert not CallTask.objects.filter(patient=anna).exclude(title="", script="", note="").exists()
    assert not CallAttempt.objects.filter(task__patient=anna).exclude(note="").exists()
    assert CallTask.objects.filter(patient=boris).values().get() == others
    assert MessageEvent.objects.get(message=kept).detail == {"words": SECRET}
    forget([boris.pk], NOW)
    left = everything()
    for word in (SECRET, anna.email, anna.phone, boris.email, boris.phone[1:], "mailbox of the patient", "prov-"):
        assert word not in left


def test_what_has_not_gone_out_is_cancelled_and_every_row_is_still_counted() -> None:
    (anna,) = make_patients()
    fill(anna)
    assert forget([anna.pk], NOW).cancelled == 2
    assert sorted(Message.objects.values_list("state", "reason")) == [
        ("cancelled", "gone"), ("cancelled", "gone"), ("sent", "")
    ]  # fmt: skip
    assert CallTask.objects.get().done_at == NOW
    again = forget([anna.pk], NOW)
    assert (again.caught, again.events, again.cancelled) == (0, 0, 0)


def test_the_refusal_stays_in_force_and_leads_to_nobody() -> None:
    (anna,) = make_patients()
    fill(anna)
    forget([anna.pk], NOW)
    stop = Suppression.objects.get()
    assert (stop.reason, stop.message_id, stop.lifted_at) == ("unsubscribe", None, None)
    assert Consent.objects.filter(patient=anna, granted=False, until=None).exists()


def test_messages_read_for_a_child_and_those_of_merged_cards_are_included() -> None:
    mother, double = make_patients(2)
    (child,) = make_patients(guardian=mother)
    Patient.objects.filter(pk=double.pk).update(merged_into=mother)
    for message in (make_message(child, recipient=mother), make_message(double)):
        record([NewEvent(message.pk, "delivered", NOW, f"d:{message.pk}", detail={"words": SECRET})])
    assert forget([mother.pk], NOW).events == 2


def test_the_command_names_what_it_did_or_that_there_is_nobody() -> None:
    (anna,) = make_patients()
    fill(anna)
    out = StringIO()
    call_command("forget_patient", "test", anna.external_id, now="2026-11-23T12:00:00", stdout=out)
    assert out.getvalue().strip() == (
        "1 calls emptied, 2 caught messages deleted, 1 events emptied, 2 messages cancelled"
    )
    with pytest.raises(CommandError, match="no patient"):
        call_command("forget_patient", "test", "nobody", stdout=out)

"""Events of messages: noted once, and what follows from them."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Message, MessageEvent, Suppression
from campaigns.services.hearing.tracking import NewEvent, record, source_word
from patients.models import Consent, Patient
from tests.campaigns.making import BEFORE, NOW, address_key, make_message, make_patients

pytestmark = pytest.mark.django_db


def words(patient: Patient, channel: str = "email") -> list[tuple[str, bool, dt.datetime, dt.datetime | None]]:
    said = Consent.objects.filter(patient=patient, channel=channel).order_by("purpose", "at")
    return [(word.purpose, word.granted, word.at, word.until) for word in said]


def stopped() -> list[tuple[str, int, str, bool]]:
    rows = Suppression.objects.filter(lifted_at=None).order_by("channel", "reason")
    return [(row.channel, row.address_key, row.reason, row.marketing_only) for row in rows]


def event(message: Message, kind: str, event_id: str = "p:1", **more: Any) -> NewEvent:
    return NewEvent(message.pk, kind, more.pop("at", NOW), event_id, **more)


def test_the_same_event_is_noted_once() -> None:
    message = make_message(make_patients()[0])
    delivered = event(message, "delivered")
    assert record([delivered, delivered]) == 1
    assert record([delivered, event(message, "clicked", "p:2")]) == 1
    assert record([]) == 0
    assert MessageEvent.objects.count() == 2


def test_an_event_of_an_unknown_message_is_passed_over() -> None:
    message = make_message(make_patients()[0])
    assert record([NewEvent(message.pk + 1, "bounced", NOW, "p:9"), event(message, "delivered")]) == 1
    assert stopped() == []


@pytest.mark.parametrize("purpose", ["marketing", "service"])
def test_a_bounce_stops_everything_to_the_address_and_is_no_word(purpose: str) -> None:
    (anna,) = make_patients()
    message = make_message(anna, purpose=purpose)
    record([event(message, "bounced", detail={"code": "550"})])
    assert stopped() == [("email", address_key(anna.email), "bounce", False)]
    assert words(anna) == [("marketing", True, BEFORE, None)]


def test_a_full_mailbox_stops_nothing() -> None:
    message = make_message(make_patients()[0])
    assert record([event(message, "bounced", detail={"hard": False})]) == 1
    assert stopped() == []


@pytest.mark.parametrize(("kind", "reason"), [("complained", "complaint"), ("unsubscribed", "unsubscribe")])
def test_a_no_to_advertising_stops_advertising_and_is_a_refusal(kind: str, reason: str) -> None:
    (anna,) = make_patients()
    record([event(make_message(anna), kind)])
    assert stopped() == [("email", address_key(anna.email), reason, True)]
    assert words(anna) == [("marketing", True, BEFORE, NOW), ("marketing", False, NOW, None)]
    assert words(anna, "sms") == [("marketing", True, BEFORE, None)]
    said = Consent.objects.get(patient=anna, granted=False)
    assert said.source == source_word("complaint" if kind == "complained" else kind)
    assert str(MessageEvent.objects.get().message_id) in said.proof


def test_a_no_to_a_service_message_stops_service_messages_too() -> None:
    (anna,) = make_patients()
    record([event(make_message(anna, purpose="service"), "unsubscribed")])
    assert stopped() == [("email", address_key(anna.email), "unsubscribe", False)]
    assert [(purpose, granted) for purpose, granted, _at, until in words(anna) if until is None] == [
        ("marketing", False),
        ("service", False),
    ]


def test_the_word_is_that_of_the_reader_and_of_the_card_that_was_kept() -> None:
    mother, kept = make_patients(2)
    (child,) = make_patients(guardian=mother, email=mother.email)
    record([event(make_message(child, recipient=mother), "unsubscribed")])
    assert words(child) == [("marketing", True, BEFORE, None)]
    assert words(mother)[-1] == ("marketing", False, NOW, None)
    double = make_patients(email=kept.email)[0]
    Patient.objects.filter(pk=double.pk).update(merged_into=kept)
    record([event(make_message(double), "unsubscribed", "p:2")])
    assert words(kept)[-1] == ("marketing", False, NOW, None)


def test_a_stranger_at_a_corrected_address_does_not_speak_for_the_patient() -> None:
    (anna,) = make_patients(email="wrong@example.org")
    message = make_message(anna)
    Patient.objects.filter(pk=anna.pk).update(email="right@example.org")
    record([event(message, "unsubscribed")])
    assert stopped() == [("email", address_key("wrong@example.org"), "unsubscribe", True)]
    assert words(anna) == [("marketing", True, BEFORE, None)]


def test_a_word_said_later_is_not_undone_by_a_complaint_that_comes_late() -> None:
    (anna,) = make_patients()
    message = make_message(anna)
    later = NOW + dt.timedelta(days=2)
    record([event(message, "unsubscribed", at=later)])
    record([event(message, "complained", "p:2", at=NOW)])
    assert words(anna) == [
        ("marketing", True, BEFORE, NOW),
        ("marketing", False, NOW, later),
        ("marketing", False, later, None),
    ]


def test_all_of_it_or_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    message = make_message(make_patients()[0])

    def fail(*_args: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("campaigns.services.hearing.tracking.say", fail)
    with pytest.raises(RuntimeError):
        record([event(message, "unsubscribed")])
    assert (MessageEvent.objects.count(), stopped()) == (0, [])


def test_the_number_of_queries_does_not_grow_with_the_events(django_assert_max_num_queries: Any) -> None:
    messages = [make_message(patient) for patient in make_patients(40)]
    with django_assert_max_num_queries(14):
        assert record([event(one, "unsubscribed", f"p:{one.pk}") for one in messages]) == 40
    assert Suppression.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_of_the_same_report_at_once_are_one() -> None:
    messages = [make_message(patient) for patient in make_patients(30)]
    report = [event(one, "unsubscribed", f"p:{one.pk}") for one in messages]
    counted: list[int] = []

    def deliver(events: list[NewEvent]) -> None:
        counted.append(record(events))
        connection.close()

    threads = [threading.Thread(target=deliver, args=(part,)) for part in (report, report[::-1], report)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counted) == 30
    assert len(counted) == 3
    assert Consent.objects.filter(granted=False, until=None).count() == 30

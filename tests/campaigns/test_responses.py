"""Who responds to advertising: what clusters are told of it."""

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from campaigns.models import Message, MessageEvent
from campaigns.selectors.responses import responses
from patients.models import Patient
from tests.campaigns.making import make_message
from tests.segmentation.clinic import Clinic, noon

pytestmark = pytest.mark.django_db
SENT, DAY = dt.date(2026, 3, 1), dt.timedelta(days=1)


def click(message: Message, day: dt.date, **fields: Any) -> None:
    number = MessageEvent.objects.count()
    MessageEvent.objects.create(message=message, kind="clicked", at=noon(day), event_id=f"e{number}", **fields)


def told(as_of: dt.date) -> dict[int, tuple[int, int, int]]:
    """sent, clicked, booked by patient."""
    query, more = responses(as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT patient_id, sent, clicked, booked FROM ({query}) q",
            {"as_of": as_of, "zone": settings.TIME_ZONE, **more},
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}


def sent(patient: Patient, day: dt.date = SENT, **fields: Any) -> Message:
    return make_message(patient, at=noon(day), **fields)


def test_what_is_of_later_days_is_not_known_yet() -> None:
    clinic = Clinic()
    anna, boris = clinic.patient(), clinic.patient()
    letter = sent(anna)
    click(letter, SENT + 3 * DAY)
    clinic.visit(anna, SENT + 5 * DAY)
    sent(anna, SENT + 10 * DAY)
    click(sent(boris), SENT, machine=True)
    sent(boris, purpose="service")
    clinic.visit(boris, SENT + 31 * DAY)
    assert told(SENT - DAY) == {}
    assert told(SENT + 2 * DAY) == {anna.pk: (1, 0, 0), boris.pk: (1, 0, 0)}
    assert told(SENT + 3 * DAY)[anna.pk] == (1, 1, 0)
    assert told(SENT + 90 * DAY) == {anna.pk: (2, 1, 1), boris.pk: (1, 0, 0)}


def test_a_merged_card_responds_for_the_one_that_was_kept() -> None:
    clinic = Clinic()
    kept = clinic.patient()
    double = clinic.patient(merged_into=kept)
    click(sent(double), SENT + DAY)
    clinic.visit(kept, SENT + 2 * DAY)
    sent(kept, SENT + 10 * DAY)
    clinic.visit(double, SENT + 12 * DAY)
    sent(kept, SENT + 60 * DAY)
    assert told(SENT + 90 * DAY) == {kept.pk: (3, 1, 2)}

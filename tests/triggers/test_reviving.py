"""An occasion that was taken back and is there again: its ladder goes on with what is still of use."""

import datetime

import pytest

from campaigns.models import Message
from patients.models import Patient, Visit, VisitItem
from tests.campaigns.making import NOW, make_patients, make_visit
from tests.triggers.ladder_making import DAY, HOUR, make_service, steps_of
from tests.triggers.making import fire, make_rule, make_step
from triggers.models import Firing, TriggerRule
from triggers.selectors import ladder
from triggers.services import switching

pytestmark = pytest.mark.django_db
START = NOW + 3 * DAY
PLANNED, WITHDRAWN, WAITING = ("planned", ""), ("skipped", "withdrawn"), ("waiting", "")


@pytest.fixture
def patient() -> Patient:
    return make_patients(1)[0]


@pytest.fixture
def reminder() -> TriggerRule:
    hours = (-48, -24, -2)
    return make_rule("appointment_reminder", [make_step(hour, "hour", useful_hours=6) for hour in hours])


@pytest.fixture
def visit(patient: Patient, reminder: TriggerRule) -> Visit:
    return make_visit(patient, START, "booked")


def become(visit: Visit, **fields: object) -> None:
    """As the source posts it."""
    Visit.objects.filter(pk=visit.pk).update(**fields)


def at(start: datetime.datetime) -> Firing:
    return Firing.objects.get(occasion__endswith=f":{int(start.timestamp())}")


def test_an_appointment_cancelled_and_booked_again_is_reminded_of(visit: Visit) -> None:
    become(visit, status="cancelled")
    fire(START - 50 * HOUR)
    become(visit, status="booked")
    fire(START - 48 * HOUR)
    become(visit, status="cancelled")
    fire(START - 24 * HOUR)
    assert (at(START).state, steps_of(at(START))) == ("withdrawn", [PLANNED, WITHDRAWN, WITHDRAWN])
    become(visit, status="booked")
    fire(START - 20 * HOUR)
    assert steps_of(at(START)) == [PLANNED, PLANNED, WAITING]
    fire(START - 2 * HOUR)
    assert (at(START).state, steps_of(at(START))) == ("done", [PLANNED] * 3)
    assert Message.objects.count() == 3


def test_moved_and_moved_back_both_times_have_their_reminders(visit: Visit) -> None:
    fire(START - 48 * HOUR)
    become(visit, starts_at=START + DAY)
    fire(START - 24 * HOUR)
    assert (steps_of(at(START)), steps_of(at(START + DAY))) == (
        [PLANNED, WITHDRAWN, WITHDRAWN],
        [PLANNED] + [WAITING] * 2,
    )
    become(visit, starts_at=START)
    fire(START - 10 * HOUR)  # the second reminder is of no use any more
    fire(START - 2 * HOUR)
    assert steps_of(at(START)) == [PLANNED, WITHDRAWN, PLANNED]
    fire(START + DAY)
    assert at(START + DAY).state == "withdrawn" and Message.objects.count() == 3


def test_what_is_still_no_more_stays_withdrawn(visit: Visit) -> None:
    fire(START - 48 * HOUR)
    become(visit, starts_at=START + DAY)
    fire(START - 24 * HOUR)
    become(visit, starts_at=START + 2 * DAY)
    fire(START - 20 * HOUR)
    fire(START - 2 * HOUR)
    assert (at(START).state, steps_of(at(START))) == ("withdrawn", [PLANNED, WITHDRAWN, WITHDRAWN])


def test_a_visit_corrected_twice_lets_the_recall_go_on(patient: Patient) -> None:
    service = make_service()
    rule = make_rule("recall", [make_step(0), make_step(3)], {"services": [service.pk], "days": 30})
    visit = make_visit(patient, NOW - 30 * DAY)
    VisitItem.objects.create(visit=visit, service=service)
    fire(NOW)
    become(visit, status="no_show")
    fire(NOW + 3 * DAY)
    assert steps_of(rule.firings.get()) == [PLANNED, WITHDRAWN]
    become(visit, status="completed")
    fire(NOW + 3 * DAY + HOUR)
    fire(NOW + 3 * DAY + HOUR)
    assert steps_of(rule.firings.get()) == [PLANNED, PLANNED]


def test_not_beside_another_ladder_that_has_begun_meanwhile(patient: Patient) -> None:
    rule = make_rule("no_show", [make_step(1), make_step(3)], {"no_show": True, "cancelled": False}, cooldown_days=14)
    first, second = (make_visit(patient, NOW - n * DAY, "no_show") for n in (1, 0))
    become(second, status="booked")
    fire(NOW)
    become(first, status="completed")
    fire(NOW + 2 * DAY)
    become(second, status="no_show")
    fire(NOW + 2 * DAY + HOUR)
    states = dict(rule.firings.values_list("visit", "state"))
    assert states == {first.pk: "withdrawn", second.pk: "open"}
    become(first, status="no_show")
    fire(NOW + 2 * DAY + 2 * HOUR)
    assert dict(rule.firings.values_list("visit", "state")) == states


def test_steps_taken_out_of_the_rule_stay_out(visit: Visit, reminder: TriggerRule) -> None:
    fire(START - 48 * HOUR)
    become(visit, status="cancelled")
    fire(START - 24 * HOUR)
    drafts = [ladder.draft_of(step) for step in ladder.current(reminder)][:1]
    switching.save_steps(reminder, drafts, "keep", START - 23 * HOUR)
    become(visit, status="booked")
    fire(START - 20 * HOUR)
    assert (at(START).state, steps_of(at(START))) == ("withdrawn", [PLANNED, WITHDRAWN, WITHDRAWN])

"""Several processes at the ladders at once: every step is decided once, and who stops ladders stops all of them."""

import datetime
import threading
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from django.db import connections, transaction

from campaigns.models import Message
from tests.campaigns.making import NOW, make_patients
from tests.triggers.ladder_making import fired
from tests.triggers.making import make_rule, make_step
from tests.triggers.tiny import TINY
from triggers import rule_types
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import due_steps, ladders, switching

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]
DAY = datetime.timedelta(days=1)
SECONDS = 20


@pytest.fixture(autouse=True)
def _tiny_types() -> Iterator[None]:
    with mock.patch.dict(rule_types.TYPES, TINY):
        yield


def beside(work: Callable[[], object]) -> threading.Thread:
    """The work in a thread with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_four_workers_at_once_write_every_row_once() -> None:
    rules = [make_rule("tiny_day", steps=[make_step(), make_step(3)], priority=number) for number in range(4)]
    people = make_patients(30)
    for rule in rules:
        for patient in people:
            fired(rule, patient, NOW, NOW + 3 * DAY)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait(SECONDS)
        for _ in range(3):
            ladders.plan_due(NOW)

    for thread in [beside(work) for _ in range(4)]:
        thread.join(SECONDS)
    ladders.plan_due(NOW)

    assert Message.objects.count() == 4 * 30
    assert FiringStep.objects.filter(state="planned").count() == 4 * 30
    # The cap of two in a week, in the order of priority whoever planned them.
    planned = Message.objects.filter(state="planned")
    assert set(planned.values_list("trigger_step__firing__rule", flat=True)) == {rules[3].pk, rules[2].pk}
    assert planned.count() == 2 * 30


def test_while_one_plans_another_comes_back_at_once_with_nothing() -> None:
    rule = make_rule("tiny_day")
    fired(rule, *make_patients())
    inside, go_on = threading.Event(), threading.Event()
    close = due_steps.close

    def slow(*given: object) -> None:
        inside.set()
        go_on.wait(SECONDS)
        close(*given)  # type: ignore[arg-type]

    with mock.patch.object(due_steps, "close", slow):
        first = beside(lambda: ladders.plan_due(NOW))
        assert inside.wait(SECONDS)
        assert ladders.plan_due(NOW) == 0
        go_on.set()
        first.join(SECONDS)
    assert Message.objects.count() == 1


def test_who_stops_ladders_while_they_are_planned_finds_all_that_was_planned() -> None:
    rule = make_rule("tiny_day", steps=[make_step(), make_step(3)])
    for patient in make_patients(5):
        fired(rule, patient, NOW, NOW + 3 * DAY)
    inside, go_on = threading.Event(), threading.Event()
    close = due_steps.close

    def slow(*given: object) -> None:
        inside.set()
        go_on.wait(SECONDS)
        close(*given)  # type: ignore[arg-type]

    with mock.patch.object(due_steps, "close", slow):
        planner = beside(lambda: ladders.plan_due(NOW))
        assert inside.wait(SECONDS)
        stopper = beside(lambda: switching.switch_off(rule.pk, None, NOW, "stop"))
        stopper.join(0.5)
        assert stopper.is_alive()  # waits for the rule
        go_on.set()
        planner.join(SECONDS)
        stopper.join(SECONDS)
    assert set(Message.objects.values_list("state", "reason")) == {("cancelled", "stopped")}
    assert set(Firing.objects.values_list("state", flat=True)) == {"stopped"}
    assert ladders.plan_due(NOW + 3 * DAY) == 0


def test_a_rule_that_is_being_looked_at_is_planned_the_next_time() -> None:
    rule = make_rule("tiny_day")
    fired(rule, *make_patients())
    inside, go_on = threading.Event(), threading.Event()

    def look() -> None:
        with transaction.atomic():
            TriggerRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
            inside.set()
            go_on.wait(SECONDS)

    looker = beside(look)
    assert inside.wait(SECONDS)
    assert ladders.plan_due(NOW) == 0
    go_on.set()
    looker.join(SECONDS)
    assert ladders.plan_due(NOW) == 1

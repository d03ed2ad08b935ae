"""What a rule notes: every occasion once, in time or late, and the fate of each message of its ladder."""

import datetime
from typing import Any

import pytest

from campaigns.planning.holdout import held_out
from patients.models import ChangedPatient
from tests.campaigns.making import NOW, make_patients, make_visit
from tests.triggers.making import found_by, make_rule, make_step
from triggers import reasons, rule_types
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.services import looking

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
State, Fate = Firing.State, FiringStep.State


def fates(firing: Firing) -> list[tuple[str, str]]:
    return list(firing.steps.order_by("step__position").values_list("state", "reason"))


def nothing_has_changed() -> None:
    """As after the night: time alone brings occasions up from here on."""
    ChangedPatient.objects.all().delete()


def test_an_occasion_is_a_row_with_its_ladder() -> None:
    anna = make_patients(1)[0]
    visit = make_visit(anna, NOW - 2 * HOUR)
    rule = make_rule("tiny_moment", [make_step(1, "hour"), make_step(1, "day")], on=NOW - DAY)
    assert looking.look(rule.pk, NOW) == 1
    firing = Firing.objects.get()
    assert (firing.rule, firing.patient, firing.visit, firing.state) == (rule, anna, visit, State.OPEN)
    assert (firing.anchor_at, firing.since, firing.first_due) == (visit.starts_at, visit.starts_at, NOW - HOUR)
    assert (firing.found_at, firing.closed_at) == (NOW, None)
    first, second = firing.steps.order_by("step__position")
    assert (first.due_at, first.useful_until, first.state) == (NOW - HOUR, NOW + 47 * HOUR, Fate.WAITING)
    assert (second.due_at, second.state) == (NOW + 22 * HOUR, Fate.WAITING)


def test_time_alone_brings_an_occasion_up_at_its_moment() -> None:
    anna = make_patients(1)[0]
    make_visit(anna, NOW)
    rule = make_rule("tiny_moment", [make_step(2, "hour")], on=NOW)
    nothing_has_changed()
    assert looking.look(rule.pk, NOW + 2 * HOUR - datetime.timedelta(seconds=1)) == 0
    assert looking.look(rule.pk, NOW + 2 * HOUR) == 1
    assert looking.look(rule.pk, NOW + 3 * HOUR) == 0


def test_a_rule_of_ten_o_clock_asks_when_it_strikes_ten() -> None:
    anna = make_patients(1)[0]
    make_visit(anna, NOW)
    rule = make_rule("tiny_day", [make_step(1)], on=NOW)
    nothing_has_changed()
    tomorrow_at_ten = NOW - 2 * HOUR + DAY
    asked: list[Any] = []
    occasions = rule_types.of("tiny_day").occasions
    try:
        rule_types.of("tiny_day").occasions = lambda params, span: asked.append(span) or occasions(params, span)  # type: ignore[method-assign, func-returns-value]
        assert looking.look(rule.pk, tomorrow_at_ten - HOUR) == 0
        assert looking.look(rule.pk, tomorrow_at_ten - datetime.timedelta(seconds=1)) == 0
        assert asked == []
        assert looking.look(rule.pk, tomorrow_at_ten) == 1
        assert len(asked) == 1
    finally:
        del rule_types.of("tiny_day").occasions


def test_a_fact_a_week_late_is_noted_as_late_and_not_sent() -> None:
    rule = make_rule("tiny_day", on=NOW - 20 * DAY, looked_until=NOW - HOUR)
    looking.look(rule.pk, NOW - HOUR)
    anna = make_patients(1)[0]
    make_visit(anna, NOW - 7 * DAY)
    assert looking.look(rule.pk, NOW) == 1
    firing = Firing.objects.get()
    assert (firing.state, firing.closed_at) == (State.LATE, NOW)
    assert fates(firing) == [(Fate.SKIPPED, reasons.LATE)]


def test_of_a_late_fact_what_is_still_of_use_is_sent() -> None:
    rule = make_rule("tiny_day", [make_step(0), make_step(8)], on=NOW - 20 * DAY)
    anna = make_patients(1)[0]
    make_visit(anna, NOW - 7 * DAY)
    looking.look(rule.pk, NOW)
    firing = Firing.objects.get()
    assert firing.state == State.OPEN
    assert fates(firing) == [(Fate.SKIPPED, reasons.LATE), (Fate.WAITING, "")]


def test_after_three_days_without_a_worker_everything_is_found() -> None:
    rule = make_rule("tiny_day", on=NOW - 10 * DAY)
    looking.look(rule.pk, NOW)
    for number, patient in enumerate(make_patients(6), start=1):
        make_visit(patient, NOW + number * DAY / 2)
    nothing_has_changed()
    assert looking.look(rule.pk, NOW + 3 * DAY) == 6
    # Of use for two days: what fell due on the first of the three is too late by now.
    states = Firing.objects.order_by("first_due").values_list("state", flat=True)
    assert list(states) == [State.LATE] * 2 + [State.OPEN] * 4


def test_the_night_finds_what_was_forgotten_before_it_was_looked_at() -> None:
    rule = make_rule("tiny_day", on=NOW - 10 * DAY)
    looking.look(rule.pk, NOW)
    make_visit(make_patients(1)[0], NOW - 3 * HOUR)
    nothing_has_changed()
    assert looking.look(rule.pk, NOW + HOUR) == 0
    assert looking.look(rule.pk, NOW + HOUR, deep=True) == 1


def test_before_the_rule_was_on_nothing_was_due() -> None:
    gone, begun, new = make_patients(3)
    make_visit(gone, NOW - 9 * DAY)
    make_visit(begun, NOW - 4 * DAY)
    make_visit(new, NOW)
    rule = make_rule("tiny_day", [make_step(1), make_step(5)], on=NOW, looked_until=NOW - 4 * DAY)
    looking.look(rule.pk, NOW + 2 * DAY)
    assert [patient for patient, _occasion, _state in found_by(rule)] == [begun.pk, new.pk]
    assert fates(Firing.objects.get(patient=begun)) == [(Fate.SKIPPED, reasons.BEFORE_ON), (Fate.WAITING, "")]
    assert fates(Firing.objects.get(patient=new)) == [(Fate.WAITING, ""), (Fate.WAITING, "")]


def test_too_soon_after_the_last_ladder_no_other_begins() -> None:
    anna = make_patients(1)[0]
    for days in (40, 25, 9):
        make_visit(anna, NOW - days * DAY)
    rule = make_rule("tiny_day", on=NOW - 60 * DAY, cooldown_days=30, steps=[make_step(useful_hours=2000)])
    assert looking.look(rule.pk, NOW) == 3
    assert [firing.state for firing in Firing.objects.order_by("first_due")] == [
        State.OPEN, State.COOLDOWN, State.OPEN,
    ]  # fmt: skip
    make_visit(anna, NOW - 2 * HOUR)
    looking.look(rule.pk, NOW)
    last = Firing.objects.latest("first_due")
    assert (last.state, fates(last)) == (State.COOLDOWN, [(Fate.SKIPPED, reasons.COOLDOWN)])


def test_the_hold_out_is_noted_and_gets_nothing() -> None:
    patients = make_patients(60)
    for patient in patients:
        make_visit(patient, NOW - HOUR)
    rule = make_rule("tiny_moment", on=NOW - DAY, holdout_percent=50)
    looking.look(rule.pk, NOW)
    for firing in Firing.objects.all():
        kept_back = held_out(rule.salt, firing.patient_id, 50)
        assert firing.state == (State.HOLDOUT if kept_back else State.OPEN)
        assert fates(firing) == [(Fate.SKIPPED, reasons.HOLDOUT) if kept_back else (Fate.WAITING, "")]
    assert 15 < Firing.objects.filter(state=State.HOLDOUT).count() < 45


def test_of_many_occasions_of_many_patients_each_has_its_own_cooldown() -> None:
    for patient in make_patients(5):
        for days in (5, 4, 3, 2):
            make_visit(patient, NOW - days * DAY)
    rule = make_rule("tiny_day", on=NOW - 30 * DAY, cooldown_days=2, steps=[make_step(useful_hours=500)])
    assert looking.look(rule.pk, NOW) == 20
    assert Firing.objects.filter(state=State.OPEN).count() == 10


def test_more_changed_patients_than_are_worth_naming_are_all_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MANY_CHANGED", 2)
    rule = make_rule("tiny_day", on=NOW - 10 * DAY)
    looking.look(rule.pk, NOW)
    for patient in make_patients(5):
        make_visit(patient, NOW - 3 * HOUR)
    assert looking.look(rule.pk, NOW + HOUR) == 5


def test_restored_into_another_server_a_rule_looks_at_everybody_once() -> None:
    rule = make_rule("tiny_day", on=NOW - 10 * DAY, looked_until=NOW, horizon="900000000:900000000:")
    make_visit(make_patients(1)[0], NOW - 3 * HOUR)
    nothing_has_changed()
    assert looking.look(rule.pk, NOW) == 1
    rule.refresh_from_db()
    assert not rule.horizon.startswith("900000000")


def test_a_rule_that_is_off_or_has_no_message_notes_nothing() -> None:
    make_visit(make_patients(1)[0], NOW - HOUR)
    off, empty = make_rule("tiny_day", on=None), make_rule("tiny_day", steps=[])
    assert looking.look_all(NOW) == 0
    assert Firing.objects.count() == 0
    off.refresh_from_db()
    empty.refresh_from_db()
    assert off.looked_until is None
    assert empty.looked_until == NOW


def test_a_rule_that_fails_says_so_and_keeps_no_other_from_looking() -> None:
    make_visit(make_patients(1)[0], NOW - HOUR)
    broken = make_rule("tiny_day", priority=5)
    TriggerRule.objects.filter(pk=broken.pk).update(rule_type="gone")
    rule = make_rule("tiny_moment")
    assert looking.look_all(NOW) == 1
    broken.refresh_from_db()
    assert broken.error == "KeyError"
    assert broken.looked_until < NOW
    TriggerRule.objects.filter(pk=broken.pk).update(rule_type="tiny_day")
    looking.look_all(NOW)
    broken.refresh_from_db()
    rule.refresh_from_db()
    assert (broken.error, rule.error) == ("", "")


def test_a_clock_that_goes_back_finds_nothing_again() -> None:
    make_visit(make_patients(1)[0], NOW - HOUR)
    rule = make_rule("tiny_moment")
    assert looking.look(rule.pk, NOW) == 1
    nothing_has_changed()
    assert looking.look(rule.pk, NOW - DAY) == 0
    rule.refresh_from_db()
    assert rule.looked_until == NOW

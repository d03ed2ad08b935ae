"""The switches of a rule: who may, what is asked first, and what becomes of those who are on its ladder."""

import dataclasses
import datetime
from typing import Any

import pytest

from campaigns import reasons as ledger_reasons
from campaigns.models import ChannelAccount, Message, Template
from campaigns.services.consents import erasure
from patients.models import ChangedPatient, ServiceGroup
from tests.campaigns.making import NOW, make_message, make_offer, make_patients, make_user, make_visit
from tests.triggers.ladder_making import fired
from tests.triggers.making import make_rule, make_step
from triggers import reasons
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.selectors import ladder
from triggers.selectors.ladder import Draft
from triggers.services import ladders, looking, switching
from triggers.services.switching import NotAllowed

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
State, Fate = Firing.State, FiringStep.State


def drafts(rule: TriggerRule) -> list[Draft]:
    return [ladder.draft_of(step) for step in ladder.current(rule)]


def fates(firing: Firing) -> list[tuple[int, str, str]]:
    steps = firing.steps.order_by("due_at", "pk")
    return [(step.step.offset, step.state, step.reason) for step in steps.select_related("step")]


def may_switch(name: str, *permissions: str) -> Any:
    from django.contrib.auth.models import Permission

    user = make_user(name, "campaigns.view_campaign")
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return type(user).objects.get(pk=user.pk)


# ---- who may, and what stands in the way


def test_a_person_needs_the_right() -> None:
    rule = make_rule("tiny_day", on=None)
    stranger = may_switch("stranger", "change_triggerrule")
    for act in (
        lambda: switching.switch_on(rule.pk, stranger, NOW),
        lambda: switching.switch_off(rule.pk, stranger, NOW),
        lambda: switching.archive(rule.pk, stranger, NOW),
        lambda: switching.unarchive(rule.pk, stranger),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert switching.switch_on(rule.pk, may_switch("boss", "switch_triggerrule"), NOW).enabled


def test_a_rule_that_is_whole_has_no_problems() -> None:
    assert (
        switching.problems(make_rule("tiny_day", [make_step(channels=["email", "sms"]), make_step(3)], on=None)) == []
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda rule: rule.steps.all().delete(),
        lambda rule: rule.steps.update(channels=[]),
        lambda rule: rule.steps.update(unit="hour"),
        lambda rule: rule.steps.get().templates.all().delete(),
        lambda rule: Template.objects.update(archived_at=NOW),
        lambda rule: Template.objects.update(purpose="service"),
        lambda rule: Template.objects.get().texts.update(body="{{ patient.first_name }}"),
        lambda rule: rule.steps.update(offer=make_offer(valid_until=(NOW - DAY).date())),
        lambda rule: ChannelAccount.objects.update_or_create(channel="email", defaults={"active": False}),
        lambda rule: TriggerRule.objects.update(goal="group"),
        lambda rule: TriggerRule.objects.update(purpose="service"),
        lambda rule: TriggerRule.objects.update(valid_until=(NOW - DAY).date()),
        lambda rule: TriggerRule.objects.update(archived_at=NOW),
        lambda rule: TriggerRule.objects.update(rule_type="gone"),
    ],
)
def test_what_stands_in_the_way_is_said_and_the_rule_stays_off(change: Any) -> None:
    rule = make_rule("tiny_day", on=None)
    change(rule)
    rule.refresh_from_db()
    assert switching.problems(rule, NOW)
    with pytest.raises(NotAllowed):
        switching.switch_on(rule.pk, None, NOW)
    rule.refresh_from_db()
    assert not rule.enabled


def test_a_goal_of_a_group_is_whole_with_its_group() -> None:
    group = ServiceGroup.objects.create(name="Гигиена")
    assert switching.problems(make_rule("tiny_day", on=None, goal="group", goal_group=group)) == []


# ---- on


def test_switched_on_the_middle_of_the_path_gets_the_rest() -> None:
    begun, before, after = make_patients(3)
    make_visit(begun, NOW - 4 * DAY)
    make_visit(before, NOW - 9 * DAY)
    make_visit(after, NOW)
    rule = make_rule("tiny_day", [make_step(1), make_step(5)], on=None)
    switching.switch_on(rule.pk, None, NOW)
    looking.look(rule.pk, NOW + 2 * DAY)
    assert fates(Firing.objects.get(patient=begun)) == [
        (1, Fate.SKIPPED, reasons.BEFORE_ON), (5, Fate.WAITING, ""),
    ]  # fmt: skip
    assert [fate for _offset, fate, _why in fates(Firing.objects.get(patient=after))] == [Fate.WAITING] * 2
    assert not Firing.objects.filter(patient=before).exists()


def test_pressed_twice_it_is_on_since_the_first_time() -> None:
    rule = make_rule("tiny_day", on=None)
    switching.switch_on(rule.pk, None, NOW)
    again = switching.switch_on(rule.pk, None, NOW + DAY)
    assert (again.enabled, again.enabled_at) == (True, NOW)


def test_switched_on_again_what_came_up_meanwhile_is_left_alone() -> None:
    rule = make_rule("tiny_moment", on=NOW - 9 * DAY)
    switching.switch_off(rule.pk, None, NOW - 2 * DAY)
    make_visit(make_patients(1)[0], NOW - DAY)
    switching.switch_on(rule.pk, None, NOW)
    assert looking.look(rule.pk, NOW + HOUR, deep=True) == 0


# ---- off


def on_the_ladder() -> tuple[TriggerRule, Firing]:
    """Somebody whose first message is planned and whose second is to come."""
    rule = make_rule("tiny_moment", [make_step(0, "hour"), make_step(20, "hour")], on=NOW - DAY)
    anna = make_patients(1)[0]
    make_visit(anna, NOW - HOUR)
    looking.look(rule.pk, NOW)
    firing = Firing.objects.get(rule=rule)
    message = make_message(anna, state="planned", at=NOW)
    firing.steps.filter(step__position=1).update(state=Fate.PLANNED, message=message)
    return rule, firing


def test_off_nothing_new_begins_and_ladders_end_by_themselves() -> None:
    rule, firing = on_the_ladder()
    switching.switch_off(rule.pk, None, NOW)
    make_visit(make_patients(1)[0], NOW)
    assert looking.look_all(NOW + HOUR) == 0
    firing.refresh_from_db()
    assert (firing.state, [fate for _offset, fate, _why in fates(firing)]) == (State.OPEN, [Fate.PLANNED, Fate.WAITING])
    assert Message.objects.get().state == "planned"


def test_stopped_ladders_send_nothing_more() -> None:
    rule, firing = on_the_ladder()
    switching.switch_off(rule.pk, None, NOW, ladders="stop")
    firing.refresh_from_db()
    assert (firing.state, firing.closed_at) == (State.STOPPED, NOW)
    assert fates(firing) == [(0, Fate.PLANNED, ""), (20, Fate.SKIPPED, reasons.STOPPED)]
    message = Message.objects.get()
    assert (message.state, message.reason) == ("cancelled", ledger_reasons.STOPPED)


def test_only_a_rule_that_is_off_with_nobody_on_its_ladder_is_archived() -> None:
    rule, _firing = on_the_ladder()
    with pytest.raises(NotAllowed):
        switching.archive(rule.pk, None, NOW)
    switching.switch_off(rule.pk, None, NOW)
    with pytest.raises(NotAllowed):
        switching.archive(rule.pk, None, NOW)
    switching.switch_off(rule.pk, None, NOW, ladders="stop")
    assert switching.archive(rule.pk, None, NOW).archived_at == NOW
    assert switching.archive(rule.pk, None, NOW + DAY).archived_at == NOW
    assert switching.unarchive(rule.pk, None).archived_at is None


# ---- another ladder


def test_steps_that_are_the_same_stay_the_same_rows() -> None:
    rule = make_rule("tiny_day", [make_step(0), make_step(3), make_step(7)], on=None)
    first, second, third = ladder.current(rule)
    one, two, three = drafts(rule)
    switching.save_steps(rule, [three, dataclasses.replace(two, offset=4), one], "keep", NOW)
    found = ladder.current(rule)
    assert [step.pk for step in found if step.pk != found[1].pk] == [third.pk, first.pk]
    assert [(step.position, step.offset) for step in found] == [(1, 7), (2, 4), (3, 0)]
    assert [row.template_id for row in found[1].templates.all()] == [row.template_id for row in second.templates.all()]
    # Nobody had used it: nothing is left of it.
    assert rule.steps.count() == 3


def test_a_used_step_is_retired_and_those_on_it_end_it() -> None:
    rule, firing = on_the_ladder()
    one, two = drafts(rule)
    switching.save_steps(rule, [one, dataclasses.replace(two, offset=30)], "keep", NOW)
    assert rule.steps.filter(retired_at=NOW).count() == 1
    assert [(offset, fate) for offset, fate, _why in fates(firing)] == [(0, Fate.PLANNED), (20, Fate.WAITING)]


def test_those_who_go_over_get_what_is_still_ahead() -> None:
    rule, firing = on_the_ladder()
    one, two = drafts(rule)
    told = dataclasses.replace(one, offset=-1)
    switching.save_steps(rule, [told, one, dataclasses.replace(two, offset=30)], "new", NOW)
    assert fates(firing) == [
        (-1, Fate.SKIPPED, reasons.CHANGED), (0, Fate.PLANNED, ""), (20, Fate.SKIPPED, reasons.CHANGED),
        (30, Fate.WAITING, ""),
    ]  # fmt: skip
    assert firing.steps.get(step__offset=30).due_at == NOW + 29 * HOUR
    # Said once more, it says nothing new.
    switching.save_steps(rule, drafts(rule), "new", NOW + HOUR)
    assert firing.steps.count() == 4


def test_those_who_are_stopped_get_nothing_of_either() -> None:
    rule, firing = on_the_ladder()
    one, _two = drafts(rule)
    switching.save_steps(rule, [one], "stop", NOW)
    firing.refresh_from_db()
    assert firing.state == State.STOPPED
    assert Message.objects.get().state == "cancelled"


def test_a_ladder_that_begins_earlier_finds_those_who_are_past_its_beginning() -> None:
    rule = make_rule("tiny_day", [make_step(2)], on=NOW - 5 * DAY)
    make_visit(make_patients(1)[0], NOW - HOUR)
    ChangedPatient.objects.all().delete()  # nothing but the ladder has changed
    assert looking.look(rule.pk, NOW) == 0
    switching.save_steps(rule, [dataclasses.replace(drafts(rule)[0], offset=0)], "keep", NOW)
    assert looking.look(rule.pk, NOW) == 1


def test_whoever_is_forgotten_gets_nothing_more_of_any_ladder() -> None:
    rule = make_rule("tiny_day", [make_step(0), make_step(2, channels=["sms"])])
    forgotten, other = make_patients(2)
    firings = [fired(rule, patient, NOW, NOW + 2 * DAY) for patient in (forgotten, other)]
    ladders.plan_due(NOW)
    for _ in range(2):
        erasure.forget([forgotten.pk], NOW)
    ladders.plan_due(NOW + 2 * DAY)
    states = [list(firing.steps.order_by("due_at").values_list("state", "reason")) for firing in firings]
    assert states == [[("planned", ""), ("skipped", "stopped")], [("planned", ""), ("planned", "")]]
    assert [Firing.objects.get(pk=firing.pk).state for firing in firings] == ["stopped", "done"]
    assert list(Message.objects.filter(patient=forgotten).values_list("state", "reason")) == [("cancelled", "gone")]

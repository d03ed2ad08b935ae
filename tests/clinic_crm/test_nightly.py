"""Which dates are lived through, by whom, and what happens when a night fails."""

import threading
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from clinic_crm import nightly, tasks
from clinic_crm.schedule import CHECK, NIGHT, ensure_schedule
from segmentation.models import BaseTotal, Membership, NightlyRun, NightlyStep
from segmentation.services import totals
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, D, everything, night, segment

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)
State = NightlyRun.State


def dates() -> list[D]:
    return list(NightlyRun.objects.order_by("as_of").values_list("as_of", flat=True))


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def patient(clinic: Clinic) -> Any:
    patient = clinic.patient()
    clinic.visit(patient, FIRST - 5 * DAY, [(clinic.service(recall_days=60), 3000)])
    clinic.payment(patient, FIRST - 5 * DAY, 3000)
    return patient


def test_series_always_includes_its_last_date() -> None:
    assert nightly.series(D(2026, 1, 1), D(2026, 1, 10), 4) == [D(2026, 1, day) for day in (1, 5, 9, 10)]
    assert nightly.series(D(2026, 1, 1), D(2026, 1, 9), 4) == [D(2026, 1, day) for day in (1, 5, 9)]
    assert nightly.series(D(2026, 1, 1), D(2026, 1, 1), 30) == [D(2026, 1, 1)]


def test_a_night_is_its_steps_in_order(patient: Any) -> None:
    run = nightly.run_night(FIRST)
    assert (run.state, run.error) == (State.DONE, "")
    steps = run.steps.order_by("id")
    names = ["cycles", "metrics", "forecasts", "scores", "memberships", "totals", "results", "reach", "standing"]
    names += ["rules", "rule_results", "rule_counts"]
    assert [step.name for step in steps] == names
    assert all(step.done and step.finished_at for step in steps)
    # One visit teaches no cycle and foretells nothing; there is no campaign and no rule to count results of, and none
    # that takes anybody.
    without = {"cycles", "forecasts", "results", "standing", *names[-3:]}
    assert all(step.rows > 0 for step in steps if step.name not in without)


def test_missed_dates_are_caught_up_in_order(patient: Any) -> None:
    assert nightly.missed_dates(FIRST) == [FIRST]
    night(FIRST)
    assert nightly.missed_dates(FIRST) == [FIRST]
    nightly.catch_up(FIRST + 3 * DAY)
    assert dates() == [FIRST + n * DAY for n in range(4)]
    assert set(NightlyRun.objects.values_list("state", flat=True)) == {State.DONE}
    assert BaseTotal.objects.count() == 4


def test_after_more_than_a_month_only_weeks_are_caught_up(patient: Any) -> None:
    night(FIRST)
    assert len(nightly.missed_dates(FIRST + 31 * DAY)) == 31
    assert nightly.missed_dates(FIRST + 32 * DAY) == [FIRST + n * DAY for n in (7, 14, 21, 28, 32)]


def test_after_more_than_a_year_only_months_are_caught_up(patient: Any) -> None:
    night(FIRST)
    assert nightly.missed_dates(FIRST + 366 * DAY)[:2] == [FIRST + 7 * DAY, FIRST + 14 * DAY]
    missed = nightly.missed_dates(FIRST + 367 * DAY)
    assert missed[:2] == [FIRST + 30 * DAY, FIRST + 60 * DAY]
    assert (len(missed), missed[-1]) == (13, FIRST + 367 * DAY)


def test_a_base_of_the_past_is_left_as_it_is_until_newer_visits_come(
    clinic: Clinic, django_capture_on_commit_callbacks: Any
) -> None:
    end = timezone.localdate() - 400 * DAY
    visitor = clinic.patient()
    clinic.visit(visitor, end - DAY)
    night(end)
    with mock.patch.object(nightly.app, "send_task"), django_capture_on_commit_callbacks(execute=True):
        tasks.check_nights()
        tasks.begin_night()
        assert dates() == [end]
        clinic.visit(visitor, end + 300 * DAY)
        tasks.check_nights()
    assert dates() == [end, timezone.localdate()]


def test_a_date_before_the_last_night_is_refused_unless_rewound(patient: Any) -> None:
    for n in (0, 1, 2):
        night(FIRST + n * DAY)
    with pytest.raises(nightly.NightIsInThePast):
        night(FIRST + DAY)
    night(FIRST + DAY, allow_rewind=True)
    assert dates() == [FIRST, FIRST + DAY]


def test_rewound_nights_lived_through_again_end_in_the_same_rows(clinic: Clinic, patient: Any) -> None:
    for visits in range(1, 6):
        other, service = clinic.patient(), clinic.service(recall_days=40 * visits)
        for number in range(visits):
            clinic.visit(other, FIRST - (20 + 50 * number) * DAY, [(service, 1000 * visits)])
            clinic.payment(other, FIRST - (20 + 50 * number) * DAY, 1000 * visits)
        clinic.feedback(other, FIRST + 20 * visits * DAY, 2 * visits)
    days = [FIRST + n * DAY for n in (0, 50, 100, 150)]
    nightly.run_nights(days)
    before = everything()
    assert any(came_from for *_rest, came_from in Membership.objects.values_list("id", "came_from"))
    nightly.run_nights(days[2:], allow_rewind=True)
    after = everything()
    assert after["memberships"] == before["memberships"]
    for name in ("segment totals", "cells", "base"):
        assert after[name] == before[name]


class OutOfLuck(Exception):
    pass


def test_a_failed_night_says_where_goes_on_from_there_and_shows_no_data(patient: Any) -> None:
    def unlucky(_night: Any) -> int:
        raise OutOfLuck("Иванова +79161234567")

    broken = tuple(nightly.Step(step.name, unlucky) if step.name == "memberships" else step for step in nightly.STEPS)
    with mock.patch.object(nightly, "STEPS", broken), pytest.raises(nightly.NightFailed) as failure:
        night(FIRST)
    run = NightlyRun.objects.get()
    assert run.state == State.FAILED
    assert run.error.startswith("memberships: OutOfLuck")
    assert "Иванова" not in run.error + str(failure.value)
    done = ["cycles", "metrics", "forecasts", "scores"]
    assert list(run.steps.values_list("name", flat=True)) == done
    lines: list[str] = []
    nightly.run_night(FIRST, report=lines.append)
    assert [line for line in lines if line.endswith("done before")] == [f"  {name}: done before" for name in done]
    assert NightlyRun.objects.get().state == State.DONE
    assert segment(patient, "lifecycle") == "new"


def test_a_night_begun_and_left_is_finished_before_the_next(patient: Any) -> None:
    night(FIRST)
    with (
        mock.patch.object(totals, "refresh", side_effect=OutOfLuck),
        mock.patch.object(nightly, "STEPS", (*nightly.STEPS[:3], nightly.Step("totals", lambda n: totals.refresh(n)))),
        pytest.raises(nightly.NightFailed),
    ):
        night(FIRST + 2 * DAY)
    with pytest.raises(nightly.NightIsInThePast):
        night(FIRST + DAY)
    assert nightly.missed_dates(FIRST + 3 * DAY) == [FIRST + 2 * DAY, FIRST + 3 * DAY]
    nightly.catch_up(FIRST + 3 * DAY)
    assert set(NightlyRun.objects.values_list("state", flat=True)) == {State.DONE}


def test_only_one_lives_through_a_night(patient: Any) -> None:
    assert not nightly.lock_is_held()
    with nightly.the_lock():
        assert nightly.lock_is_held()
        with pytest.raises(nightly.NightIsRunning):
            night(FIRST)
        with pytest.raises(CommandError, match="Another process"):
            call_command("nightly", "--as-of", str(FIRST), stdout=StringIO())
    assert not NightlyRun.objects.exists()
    night(FIRST)
    assert not nightly.lock_is_held()


def sent(capture: Any) -> list[Any]:
    with mock.patch.object(nightly.app, "send_task") as send, capture(execute=True):
        nightly.request_night()
    return [call.args[1] for call in send.call_args_list]


def test_the_button_asks_for_one_night_however_often_it_is_pressed(django_capture_on_commit_callbacks: Any) -> None:
    user = get_user_model().objects.create_user("marketer")
    with mock.patch.object(nightly.app, "send_task") as send, django_capture_on_commit_callbacks(execute=True):
        first, second = nightly.request_night(user), nightly.request_night(user)
    assert first.pk == second.pk
    assert (first.state, first.requested_by, first.as_of) == (State.WAITING, user, timezone.localdate())
    messages = {(call.args[0], *call.args[1]) for call in send.call_args_list}
    assert messages == {("clinic_crm.tasks.run_night", first.pk)}
    tasks.run_night(first.pk)
    assert NightlyRun.objects.get().state == State.DONE
    assert sent(django_capture_on_commit_callbacks) == [[first.pk]]
    assert NightlyRun.objects.get().state == State.WAITING


def test_the_button_works_while_the_broker_is_away(django_capture_on_commit_callbacks: Any) -> None:
    with (
        mock.patch.object(nightly.app, "send_task", side_effect=ConnectionError),
        django_capture_on_commit_callbacks(execute=True),
    ):
        run = nightly.request_night()
    assert run.state == State.WAITING
    tasks.check_nights()
    run.refresh_from_db()
    assert run.state == State.DONE


def test_a_night_that_runs_is_not_asked_for_again(django_capture_on_commit_callbacks: Any) -> None:
    run = NightlyRun.objects.create(as_of=timezone.localdate(), state=State.RUNNING)
    with nightly.the_lock():
        assert sent(django_capture_on_commit_callbacks) == []
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert sent(django_capture_on_commit_callbacks) == [[run.pk]]  # killed: nobody holds the lock


def test_a_task_delivered_twice_does_the_night_once() -> None:
    run = NightlyRun.objects.create(as_of=FIRST)
    tasks.run_night(run.pk)
    finished = NightlyRun.objects.get().finished_at
    tasks.run_night(run.pk)
    assert NightlyRun.objects.get().finished_at == finished
    tasks.run_night(run.pk + 1)


def test_of_two_workers_one_returns() -> None:
    run = NightlyRun.objects.create(as_of=FIRST)
    with nightly.the_lock():
        tasks.run_night(run.pk)
    run.refresh_from_db()
    assert run.state == State.WAITING


def test_the_check_takes_up_a_killed_night_and_leaves_a_living_one() -> None:
    run = NightlyRun.objects.create(as_of=FIRST, state=State.RUNNING, started_at=timezone.now())
    with nightly.the_lock():
        tasks.check_nights()
    run.refresh_from_db()
    assert run.state == State.RUNNING
    tasks.check_nights()
    run.refresh_from_db()
    assert run.state == State.DONE


def test_the_check_notices_a_night_that_never_began(django_capture_on_commit_callbacks: Any) -> None:
    today = timezone.localdate()
    with mock.patch.object(nightly.app, "send_task") as send, django_capture_on_commit_callbacks(execute=True):
        tasks.check_nights()  # a fresh installation: nothing is missed
        night(today - DAY)
        tasks.check_nights()  # last night is done, tonight has its schedule
        assert dates() == [today - DAY]
        NightlyRun.objects.update(as_of=today - 2 * DAY)
        tasks.check_nights()
    assert dates() == [today - 2 * DAY, today]
    assert len(send.call_args_list) == 1


def test_schedule_is_created_once_and_then_belongs_to_the_administrator() -> None:
    periodic = PeriodicTask.objects.get(name=NIGHT)
    assert (periodic.task, periodic.crontab.hour) == ("clinic_crm.tasks.begin_night", "3")
    periodic.crontab = CrontabSchedule.objects.create(hour="5")
    periodic.enabled = False
    periodic.save()
    ensure_schedule()
    periodic.refresh_from_db()
    assert (periodic.crontab.hour, periodic.enabled) == ("5", False)
    assert PeriodicTask.objects.filter(name__in=[NIGHT, CHECK]).count() == 2


def test_scheduled_tasks_are_known_to_the_worker() -> None:
    nightly.app.loader.import_default_modules()
    for task in PeriodicTask.objects.filter(name__in=[NIGHT, CHECK]).values_list("task", flat=True):
        assert task in nightly.app.tasks
    assert "clinic_crm.tasks.run_night" in nightly.app.tasks


def say(*arguments: str) -> str:
    out = StringIO()
    call_command("nightly", *arguments, stdout=out)
    return out.getvalue()


def test_command_shows_progress_and_replays_a_series(patient: Any) -> None:
    text = say("--from", "2026-01-01", "--to", "2026-03-01", "--every", "30")
    assert dates() == [D(2026, 1, 1), D(2026, 1, 31), FIRST]
    assert "night of 2026-01-31" in text
    assert "  memberships: " in text
    assert say("--as-of", "2026-03-02").startswith("night of 2026-03-02")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--as-of", "tomorrow"], "not a date"),
        (["--as-of", "2199-01-31"], "has not come yet"),
        (["--from", "2026-01-01", "--to", "2199-01-31"], "has not come yet"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "is after"),
        (["--to", "2026-01-01"], "needs --from"),
        (["--as-of", "2026-01-01", "--from", "2026-01-01"], "single date"),
        (["--from", "2026-01-01", "--every", "0"], "not a number of days"),
    ],
)
def test_command_refuses_what_it_cannot_do(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        say(*arguments)
    assert not NightlyStep.objects.exists()


def test_command_without_a_date_lives_through_today(patient: Any) -> None:
    say()
    assert dates() == [timezone.localdate()]


def test_threads_do_not_share_the_lock() -> None:
    """The lock belongs to a connection of its own, not to Django's."""
    outcome: list[str] = []

    def other() -> None:
        try:
            with nightly.the_lock():
                outcome.append("held")
        except nightly.NightIsRunning:
            outcome.append("refused")

    with nightly.the_lock():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert outcome == ["refused"]

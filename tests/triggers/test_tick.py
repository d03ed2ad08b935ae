"""The tick, the command and the night."""

import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from campaigns.models import Message
from clinic_crm import nightly
from clinic_crm.schedule import ensure_schedule
from patients.models import ChangedPatient
from segmentation.services.night import Night
from tests.campaigns.making import NOW, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from triggers import tasks
from triggers.models import Firing, TriggerRule

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


def fire(*args: Any, **options: Any) -> str:
    out = StringIO()
    call_command("fire", *args, stdout=out, **options)
    return out.getvalue()


def test_the_command_lives_a_month_in_a_minute() -> None:
    make_visit(make_patients(1)[0], NOW)
    rule = make_rule("tiny_moment", [make_step(1, "day"), make_step(3, "day")])
    assert "found: 0" in fire(now=NOW)
    assert "found: 1" in fire(now=NOW + DAY)
    assert "found: 0" in fire(now=NOW + 3 * DAY)
    assert Message.objects.filter(dedupe_key__startswith="t").count() == 2
    assert Firing.objects.get(rule=rule).state == "done"
    assert "decided: 0" in fire(now=NOW + 4 * DAY)


def test_of_one_rule_by_its_code_and_of_a_moment_as_text() -> None:
    make_visit(make_patients(1)[0], NOW - HOUR)
    one, other = make_rule("tiny_moment"), make_rule("tiny_moment")
    call_command("fire", one.code, "--now", NOW.isoformat(), stdout=StringIO())
    assert Firing.objects.filter(rule=one).count() == 1
    assert not Firing.objects.filter(rule=other).exists()


def test_the_command_says_what_went_wrong() -> None:
    with pytest.raises(CommandError, match="no rule"):
        fire("nothing")
    off = make_rule("tiny_day", on=None)
    with pytest.raises(CommandError, match="switched off"):
        fire(off.code)
    broken = make_rule("tiny_day")
    TriggerRule.objects.filter(pk=broken.pk).update(rule_type="gone")
    with pytest.raises(CommandError, match=broken.code):
        fire(now=NOW)


def test_the_worker_ticks_by_the_clock() -> None:
    now = timezone.now()
    make_visit(make_patients(1)[0], now - HOUR, created_at=now - HOUR)
    make_rule("tiny_moment", on=now - DAY)
    tasks.fire()
    tasks.fire()
    assert Firing.objects.count() == Message.objects.count() == 1


def test_beat_starts_the_tick_every_quarter_of_a_minute() -> None:
    from django_celery_beat.models import PeriodicTask

    ensure_schedule()
    task = PeriodicTask.objects.get(task="triggers.tasks.fire")
    assert (task.interval.every, task.interval.period, task.enabled) == (15, "seconds", True)
    assert task.expire_seconds == 15


def test_the_night_looks_at_everybody_when_it_has_forgotten_who_has_changed() -> None:
    night = next(step for step in nightly.STEPS if step.name == "rules")
    assert [step.name for step in nightly.STEPS].index("rules") > [step.name for step in nightly.STEPS].index("metrics")
    then = timezone.now() - 2 * DAY  # a night of today looks as far as this minute, one of the past to its day's end
    rule = make_rule("tiny_day", on=then - 10 * DAY, looked_until=then)
    make_visit(make_patients(1)[0], then - 3 * HOUR)
    ChangedPatient.objects.all().delete()

    assert night.run(Night(as_of=timezone.localdate(then))) == 1
    assert Firing.objects.get().rule == rule

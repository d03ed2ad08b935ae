"""A hundred thousand occasions in one look."""

import datetime
import time
from collections.abc import Iterator
from unittest import mock

import pytest
from django.db import connection

from patients.models import ChangedPatient, Patient
from tests.campaigns.making import NOW, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from tests.triggers.tiny import TINY
from triggers import rule_types
from triggers.models import Firing, FiringStep
from triggers.services import looking

pytestmark = [pytest.mark.django_db, pytest.mark.stack]
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
MANY = 100_000


@pytest.fixture(autouse=True)
def _tiny_types() -> Iterator[None]:
    with mock.patch.dict(rule_types.TYPES, TINY):
        yield


def copies(table: str, of: int, changed: dict[str, str]) -> None:
    """MANY rows like this one; `changed` are columns by SQL with the number `n` of the copy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' AND attname <> 'id'",
            [table],
        )
        columns = [row[0] for row in cursor.fetchall()]
        values = ", ".join(changed.get(column, f"t.{column}") for column in columns)
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} t, generate_series(1, %s) n "
            "WHERE t.id = %s",
            [MANY - 1, of],
        )


def test_a_hundred_thousand_are_noted_in_one_look_and_the_next_is_quick() -> None:
    anna = make_patients(1)[0]
    visit = make_visit(anna, NOW - 2 * HOUR)
    copies("patients_patient", anna.pk, {"external_id": "'many' || n"})
    first = Patient.objects.exclude(pk=anna.pk).order_by("pk").values_list("pk", flat=True)[0]
    copies("patients_visit", visit.pk, {"external_id": "'many' || n", "patient_id": f"{first - 1} + n"})
    ChangedPatient.objects.all().delete()
    rule = make_rule("tiny_moment", [make_step(1, "hour"), make_step(2, "day")], on=NOW - DAY, holdout_percent=10,
                     cooldown_days=30)  # fmt: skip
    began = time.monotonic()
    assert looking.look(rule.pk, NOW) == MANY
    seconds = time.monotonic() - began
    print(f"{MANY} firings in {seconds:.1f} s")  # noqa: T201
    states = {state: Firing.objects.filter(state=state).count() for state in ("open", "holdout")}
    assert sum(states.values()) == MANY
    assert 0.09 * MANY < states["holdout"] < 0.11 * MANY
    assert FiringStep.objects.count() == 2 * MANY
    assert FiringStep.objects.filter(state="waiting").count() == 2 * states["open"]
    assert seconds < 120

    began = time.monotonic()
    assert looking.look(rule.pk, NOW + HOUR) == 0
    quick = time.monotonic() - began
    print(f"the next look in {quick:.2f} s")  # noqa: T201
    assert quick < 10

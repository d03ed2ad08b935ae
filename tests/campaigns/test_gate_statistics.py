"""What the gate reads right before sending does not depend on what the database believes of the tables."""

import datetime as dt
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Message
from campaigns.services.deciding import gate
from patients.models import Branch, Integration, Patient, Visit
from tests.faults.dispatching import NOW, fill, running_campaign

pytestmark = pytest.mark.django_db
SENT, BATCH = 3_000, 50
TABLES = ("campaigns_message", "campaigns_suppression", "patients_visit", "patients_consent", "patients_patient")


def execute(sql: str, params: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@pytest.fixture
def batch() -> list[int]:
    """Some messages in hand; everything else came after the last ANALYZE: sent rows, wards, stops, appointments."""
    campaign = running_campaign()
    type(campaign).objects.update(skip_booked=True)
    fill(campaign, SENT + BATCH)
    ids = list(Message.objects.order_by("-pk").values_list("pk", flat=True)[:BATCH])
    Message.objects.exclude(pk__in=ids).update(state="sent", sent_at=NOW, claimed_at=NOW)
    Message.objects.filter(pk__in=ids).update(state="sending", claimed_at=NOW)
    others = Patient.objects.exclude(messages__in=ids)
    guardian = others.order_by("pk")[0]
    others.exclude(pk=guardian.pk).update(guardian=guardian, birth_date=dt.date(2020, 1, 1))
    execute(
        "INSERT INTO campaigns_suppression (channel, address_key, reason, marketing_only) "
        "SELECT channel, address_key, 'unsubscribe', true FROM campaigns_message WHERE state = 'sent'"
    )
    source = Integration.objects.order_by("pk")[0]
    branch = Branch.objects.create(source=source, external_id="b", name="Branch")
    Visit.objects.bulk_create(
        Visit(
            source=source, external_id=f"v{patient}", patient_id=patient, branch=branch, status="booked",
            starts_at=NOW + dt.timedelta(days=3), starts_on=NOW.date() + dt.timedelta(days=3),
        )
        for patient in others.values_list("pk", flat=True)
    )  # fmt: skip
    return ids


@pytest.mark.parametrize("belongs", ["to a campaign", "to no campaign"])
def test_a_batch_is_looked_up_row_by_row_though_nothing_was_analyzed(batch: list[int], belongs: str) -> None:
    if belongs == "to no campaign":
        Message.objects.update(campaign=None)
    with CaptureQueriesContext(connection) as asked:
        assert gate.recheck(batch, NOW) == {}
    read: dict[str, int] = {}
    for query in asked.captured_queries:
        if query["sql"].lstrip().startswith(("SELECT", "WITH")):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query['sql']}")
                plan = cursor.fetchone()[0]
            count(json.loads(plan)[0]["Plan"] if isinstance(plan, str) else plan[0]["Plan"], read)
    # A few rows per message: versions of its own row, its patient, its consent.
    assert {table: rows for table, rows in read.items() if table in TABLES and rows > 20 * BATCH} == {}
    assert read["campaigns_message"] >= BATCH


def count(node: dict[str, Any], read: dict[str, int]) -> None:
    """Rows taken from each table, those thrown away included."""
    if table := node.get("Relation Name"):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        read[table] = read.get(table, 0) + round(rows * node["Actual Loops"])
    for below in node.get("Plans", []):
        count(below, read)

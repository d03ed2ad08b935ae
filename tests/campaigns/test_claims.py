"""What a dispatcher may take into its hands, and what it reads for that."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from campaigns.models import Dispatcher, Message
from campaigns.services.sending import claims, settling
from campaigns.services.sending.settling import Outcome
from tests.campaigns.making import NOW, make_message, make_patients
from tests.faults.dispatching import fill, running_campaign

pytestmark = pytest.mark.django_db


def test_the_hold_out_is_never_taken() -> None:
    campaign = running_campaign()
    for patient in make_patients(3):
        make_message(patient, campaign=campaign, state="holdout")
        make_message(patient, state="holdout")
    assert claims.take(Dispatcher.objects.create().pk, "email", NOW, 100) == []


@pytest.mark.parametrize("trace", ["dispatcher", "claimed_at", "sent_at"])
def test_whoever_was_in_somebodys_hands_is_no_hold_out(trace: str) -> None:
    (patient,) = make_patients(1)
    left: Any = Dispatcher.objects.create() if trace == "dispatcher" else NOW
    with pytest.raises(IntegrityError, match="message_holdout_was_never_taken"), transaction.atomic():
        make_message(patient, state="holdout", **{trace: left})


def rows_read(node: dict[str, Any]) -> float:
    """From the ledger, those thrown away included."""
    own = 0.0
    if node.get("Relation Name") == "campaigns_message" or node.get("Index Name", "").startswith("message_"):
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return own + sum(rows_read(below) for below in node.get("Plans", []))


def explained(sql: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        return rows_read(cursor.fetchone()[0][0]["Plan"])


def test_a_lot_is_settled_by_its_ids_though_nothing_was_analyzed() -> None:
    fill(running_campaign(), 3_000)
    dispatcher = Dispatcher.objects.create()
    Message.objects.update(state="sent", sent_at=NOW, claimed_at=NOW, dispatcher=dispatcher)
    lot = list(Message.objects.order_by("-pk").values_list("pk", flat=True)[:20])
    Message.objects.filter(pk__in=lot).update(state="sending")
    with CaptureQueriesContext(connection) as asked, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(claims._READY, [lot, dispatcher.pk])
        assert {row[0] for row in cursor.fetchall()} == set(lot)
        assert settling.settle(dispatcher.pk, [Outcome(pk, "sent", sent_at=NOW) for pk in lot]) == len(lot)
    statements = [query["sql"] for query in asked.captured_queries if "campaigns_message" in query["sql"]]
    assert len(statements) == 2
    Message.objects.filter(pk__in=lot).update(state="sending")
    for statement in statements:
        assert len(lot) <= explained(statement) <= 20 * len(lot)


def test_a_batch_of_no_campaign_is_taken_from_the_front_of_its_index() -> None:
    campaign = running_campaign()
    fill(campaign, 3_000)
    late = Message.objects.order_by("pk")[1_000]
    Message.objects.filter(pk=late.pk).update(due_at=NOW - dt.timedelta(hours=1))
    Message.objects.update(campaign=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns_message")
    with CaptureQueriesContext(connection) as asked:
        taken = claims_of_nobody(size=10)
    assert late.pk in taken and len(taken) == 10
    (statement,) = [query["sql"] for query in asked.captured_queries if "SKIP LOCKED" in query["sql"]]
    assert 10 <= explained(statement) <= 500


def claims_of_nobody(size: int) -> list[int]:
    with connection.cursor() as cursor:
        params: dict[str, Any] = {
            "channel": "email",
            "now": NOW,
            "dispatcher": Dispatcher.objects.create().pk,
            "size": size,
        }
        cursor.execute(claims._TAKE.format(whose=claims._OF_NOBODY), params)
        return [row[0] for row in cursor.fetchall()]

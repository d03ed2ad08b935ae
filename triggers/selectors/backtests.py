"""What was asked of the past, and the people of an answer by their names of today."""

import datetime as dt
from dataclasses import dataclass

from patients.models import Patient, Service
from triggers.models import Backtest, TriggerRule
from triggers.reports import backtest_words as words

EARLIER = 20


@dataclass(frozen=True)
class Turn:
    """One message of one patient: when, what became of it, by which channel."""

    position: int
    at: dt.datetime
    written: bool
    words: str
    channel: str


@dataclass(frozen=True)
class Person:
    patient: Patient
    first_due: dt.datetime
    state: str
    about: str
    turns: list[Turn]


def of_rule(rule: TriggerRule) -> list[Backtest]:
    """The last ones."""
    return list(
        Backtest.objects.filter(rule=rule).select_related("requested_by").defer("result").order_by("-pk")[:EARLIER]
    )


def people(found: Backtest) -> list[Person]:
    """The examples that were kept, of patients who are still there; two queries."""
    kept = found.result.get("people", [])
    patients = Patient.objects.in_bulk({row["patient"] for row in kept})
    services = Service.objects.in_bulk({row["service"] for row in kept if row["service"]})
    return [
        Person(
            patients[row["patient"]],
            dt.datetime.fromisoformat(row["first_due"]),
            words.state(row["state"]),
            str(services.get(row["service"]) or ""),
            [_turn(*step) for step in row["steps"]],
        )
        for row in kept
        if row["patient"] in patients and patients[row["patient"]].deleted_at is None
    ]


def _turn(position: int, at: str, fate: str, channel: str) -> Turn:
    return Turn(position, dt.datetime.fromisoformat(at), fate == "written", words.fate(fate), words.channel(channel))

"""Blocks as rows of the tables: which column gets what, in COPY's binary form."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from patients.demo import bills, voices
from patients.demo import binary as b
from patients.demo.blocks import Block
from patients.demo.people import NONE
from patients.demo.visits import STATUSES

SEXES = np.array([b"female", b"male"])
RU = b.texts(np.array([b"ru"]))

COLUMNS = {
    "patients_patient": (
        "id external_id source_id last_name first_name middle_name sex birth_date phone email city branch_id "
        "channel_id registered_at guardian_id referred_by_id language"
    ),
    "patients_visit": (
        "id external_id source_id patient_id branch_id doctor_id starts_at starts_on status return_due_on promo_code "
        "amount discount cost"
    ),
    "patients_visititem": "id visit_id service_id quantity price discount cost",
    "patients_payment": "id external_id source_id patient_id visit_id paid_at paid_on amount kind",
    "patients_feedback": "id external_id source_id patient_id visit_id score comment complaint given_at",
    "patients_consent": "id patient_id channel purpose granted text_version source at until",
    "patients_package": (
        "id external_id source_id patient_id service_id name sessions bought_on expires_on deleted_at"
    ),
    "patients_visitchange": "id visit_id patient_id was_status status was_starts_at starts_at at",
}


class Keys(NamedTuple):
    """Primary keys of what the facts refer to, by position in the catalogue."""

    source: int
    branches: np.ndarray
    doctors: np.ndarray  # one more than there are doctors: 0 for none
    services: np.ndarray
    channels: np.ndarray


class Offsets(NamedTuple):
    """How many rows the blocks before brought; ids count on from there."""

    patients: int = 0
    visits: int = 0
    items: int = 0
    payments: int = 0
    feedback: int = 0
    consents: int = 0
    packages: int = 0
    changes: int = 0

    def after(self, block: Block) -> "Offsets":
        return Offsets(
            self.patients + len(block.people.kind),
            self.visits + len(block.visits.patient),
            self.items + len(block.items.visit),
            self.payments + len(block.payments.visit),
            self.feedback + len(block.answers.visit),
            self.consents + len(block.consents.patient),
            self.packages + len(block.packages.patient),
            self.changes + len(block.changes.visit),
        )


Chunks = Iterator[tuple[str, bytes]]


def encoded(block: Block, offsets: Offsets, keys: Keys) -> Chunks:
    """(table, rows) in an order in which every reference is already there."""
    for table, count, columns in (
        ("patients_patient", len(block.people.kind), _patients),
        ("patients_visit", len(block.visits.patient), _visits),
        ("patients_visititem", len(block.items.visit), _items),
        ("patients_payment", len(block.payments.visit), _payments),
        ("patients_feedback", len(block.answers.visit), _feedback),
        ("patients_consent", len(block.consents.patient), _consents),
        ("patients_package", len(block.packages.patient), _packages),
        ("patients_visitchange", len(block.changes.visit), _changes),
    ):
        for part in b.slices(count):
            yield table, b.rows(columns(block, offsets, keys, part))


def _ids(offset: int, part: slice) -> np.ndarray:
    return np.arange(offset + 1 + part.start, offset + 1 + part.stop)


def _source(keys: Keys, part: slice) -> b.Column:
    return b.constant(b.integers(np.array([keys.source]), 2), part.stop - part.start)


def _patients(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    people, ids = block.people, _ids(offsets.patients, part)
    guardian, referrer = people.guardian[part], people.referred_by[part]
    return [
        b.integers(ids),
        b.numbered("P", ids, 7),
        _source(keys, part),
        b.texts(people.last_name[part]),
        b.texts(people.first_name[part]),
        b.texts(people.middle_name[part]),
        b.words(SEXES, people.male[part].astype(np.int64)),
        b.integers(people.birth[part], 4),
        b.texts(people.phone[part]),
        b.texts(people.email[part]),
        b.texts(people.city[part]),
        b.integers(keys.branches[people.branch[part]], 4),
        b.integers(keys.channels[people.channel[part]], 4),
        b.integers(people.registered_at[part]),
        b.integers(guardian + offsets.patients + 1, null=guardian == NONE),
        b.integers(referrer + offsets.patients + 1, null=referrer == NONE),
        b.constant(RU, len(ids)),
    ]


def _visits(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    visits, totals, ids = block.visits, block.totals, _ids(offsets.visits, part)
    return_due, doctor = visits.return_due[part], visits.doctor[part]
    return [
        b.integers(ids),
        b.numbered("V", ids, 8),
        _source(keys, part),
        b.integers(visits.patient[part] + offsets.patients + 1),
        b.integers(keys.branches[visits.branch[part]], 4),
        b.integers(keys.doctors[doctor], 4, null=doctor < 0),
        b.integers(visits.starts_at[part]),
        b.integers(visits.day[part], 4),
        b.words(STATUSES, visits.status[part]),
        b.integers(return_due, 4, null=return_due == 0),
        b.words(bills.PROMO_CODES, totals.promo[part]),
        b.money(totals.amount[part]),
        b.money(totals.discount[part]),
        b.money(totals.cost[part]),
    ]


def _items(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    items = block.items
    return [
        b.integers(_ids(offsets.items, part)),
        b.integers(items.visit[part] + offsets.visits + 1),
        b.integers(keys.services[items.service[part]], 4),
        b.money(items.quantity[part]),
        b.money(items.price[part]),
        b.money(items.discount[part]),
        b.money(items.cost[part]),
    ]


def _payments(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    payments, ids = block.payments, _ids(offsets.payments, part)
    return [
        b.integers(ids),
        b.numbered("M", ids, 8),
        _source(keys, part),
        b.integers(payments.patient[part] + offsets.patients + 1),
        b.integers(payments.visit[part] + offsets.visits + 1),
        b.integers(payments.paid_at[part]),
        b.integers(payments.day[part], 4),
        b.money(payments.amount[part]),
        b.words(bills.KINDS, payments.kind[part]),
    ]


def _feedback(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    answers, ids = block.answers, _ids(offsets.feedback, part)
    return [
        b.integers(ids),
        b.numbered("F", ids, 8),
        _source(keys, part),
        b.integers(answers.patient[part] + offsets.patients + 1),
        b.integers(answers.visit[part] + offsets.visits + 1),
        b.integers(answers.score[part], 2, null=answers.score[part] == voices.NO_SCORE),
        b.words(voices.COMMENTS, answers.comment[part]),
        b.flags(answers.complaint[part]),
        b.integers(answers.given_at[part]),
    ]


def _consents(block: Block, offsets: Offsets, _keys: Keys, part: slice) -> list[b.Column]:
    words = block.consents
    return [
        b.integers(_ids(offsets.consents, part)),
        b.integers(words.patient[part] + offsets.patients + 1),
        b.words(voices.CHANNELS, words.channel[part]),
        b.words(voices.PURPOSES, words.purpose[part]),
        b.flags(words.granted[part]),
        b.words(voices.TEXT_VERSIONS, words.text_version[part]),
        b.words(voices.OBTAINED_BY, words.source[part]),
        b.integers(words.at[part]),
        b.integers(words.until[part], null=words.until[part] == 0),
    ]


def _packages(block: Block, offsets: Offsets, keys: Keys, part: slice) -> list[b.Column]:
    packages, ids = block.packages, _ids(offsets.packages, part)
    return [
        b.integers(ids),
        b.numbered("K", ids, 8),
        _source(keys, part),
        b.integers(packages.patient[part] + offsets.patients + 1),
        b.integers(keys.services[packages.service[part]], 4),
        b.texts(packages.name[part]),
        b.integers(packages.sessions[part], 4),
        b.integers(packages.bought[part], 4),
        b.integers(packages.expires[part], 4),
        b.integers(packages.withdrawn_at[part], null=packages.withdrawn_at[part] == 0),
    ]


def _changes(block: Block, offsets: Offsets, _keys: Keys, part: slice) -> list[b.Column]:
    changes = block.changes
    return [
        b.integers(_ids(offsets.changes, part)),
        b.integers(changes.visit[part] + offsets.visits + 1),
        b.integers(block.visits.patient[changes.visit[part]] + offsets.patients + 1),
        b.words(STATUSES, changes.was_status[part]),
        b.words(STATUSES, changes.status[part]),
        b.integers(changes.was_starts_at[part]),
        b.integers(changes.starts_at[part]),
        b.integers(changes.at[part]),
    ]

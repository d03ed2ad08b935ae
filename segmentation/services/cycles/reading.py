"""Uses of services as arrays: who used what on which day, and in which group of sex and age they were then."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import connection

from segmentation.frames import DAY, EPOCH, ID, TEXT, day_number, each_group, read_frame, read_groups
from segmentation.scoring import cycles
from segmentation.scoring.cycles import Ints, Uses

# A use is one number, the patient in the high bits and the day in the low ones: a service is sorted, and cleaned of
# what was done twice on a day, as one array. 16 bits of days last from 1930 until 2109.
_EPOCH = datetime.date(1930, 1, 1)
_SHIFT = day_number(_EPOCH)
_DAY_BITS = 16
_USES = f"""
    item.service_id, fact.patient_id << {_DAY_BITS} | GREATEST(fact.starts_on - DATE '{_EPOCH}', 0)
    FROM patients_visit AS fact JOIN patients_visititem AS item ON item.visit_id = fact.id
    WHERE fact.deleted_at IS NULL AND fact.status = 'completed' AND fact.starts_on <= %(as_of)s
"""


@dataclass(frozen=True)
class People:
    """Who counts: sorted ids of living cards, those merged into them, and the first day of each band of age."""

    ids: Ints
    merged: Ints
    kept: Ints
    sex: Ints  # index into SEXES, −1 unknown
    turning: Ints  # one row per band after the first: the day number on which the age begins

    def rows_of(self, cards: Ints) -> Ints:
        """The row of the person each card belongs to; −1 for those who are gone."""
        if len(self.merged):
            place = np.minimum(np.searchsorted(self.merged, cards), len(self.merged) - 1)
            cards = np.where(self.merged[place] == cards, self.kept[place], cards)
        if not len(self.ids):
            return np.full(len(cards), -1)
        place = np.minimum(np.searchsorted(self.ids, cards), len(self.ids) - 1)
        return np.where(self.ids[place] == cards, place, -1)

    def group_of(self, rows: Ints, day: Ints) -> Ints:
        """The number of sex and age band on the day, as segmentation.selectors.cycles counts them; 0: not known."""
        band = (self.turning[:, rows] <= day).sum(axis=0)
        known = (self.sex[rows] >= 0) & (band > 0)
        return np.where(known, self.sex[rows] * len(cycles.BANDS) + band, 0)


def load_people() -> People:
    frame = read_frame(
        "patients_patient", {"id": ID, "birth_date": DAY, "sex": TEXT},
        where="deleted_at IS NULL AND merged_into_id IS NULL",
    )  # fmt: skip
    kept, merged = read_groups("merged_into_id, id FROM patients_patient WHERE merged_into_id IS NOT NULL")
    order = np.argsort(merged)
    sex = np.full(len(frame), -1)
    for number, name in enumerate(cycles.SEXES):
        sex[(frame["sex"] == name).to_numpy()] = number
    return People(
        frame["id"].to_numpy(), merged[order], kept[order], sex, birthdays(frame["birth_date"].to_numpy())
    )  # fmt: skip


def birthdays(born: np.ndarray) -> Ints:
    """Day numbers on which the ages of BANDS begin, a row for each; never (a far day) where the birth is not known.

    Who was born on 29 February comes of age on 1 March, as PostgreSQL's age() has it.
    """
    known = ~np.isnan(born)
    days = np.where(known, born, 0).astype(np.int64).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    of_month = days - months.astype("datetime64[D]")
    rows = [
        ((months + 12 * first).astype("datetime64[D]") + of_month).astype(np.int64) for first, _last in cycles.BANDS
    ]
    return np.where(known, np.stack(rows), np.iinfo(np.int64).max)


def each_service(as_of: datetime.date) -> Iterator[tuple[int, Uses, Ints]]:
    """Every service with its uses up to the end of `as_of`, and the group of each use."""
    people = load_people()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
    for service, packed in each_group(_USES, {"as_of": as_of}):
        row = people.rows_of(packed >> _DAY_BITS)
        used = np.unique((row << _DAY_BITS | packed & ((1 << _DAY_BITS) - 1))[row >= 0])
        row, day = used >> _DAY_BITS, (used & ((1 << _DAY_BITS) - 1)) + _SHIFT
        uses, seen = cycles.follow(row, day, (as_of - EPOCH).days)
        yield service, uses, people.group_of(row[seen], day[seen])

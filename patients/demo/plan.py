"""What is asked of the generator, and the calendar of the years it covers.

Days are counted from 2000-01-01, as PostgreSQL does; moments are microseconds from 2000-01-01 00:00 UTC.
"""

import dataclasses
import datetime
import functools
import zoneinfo

import numpy as np

from patients.demo import catalogue

EPOCH = datetime.date(2000, 1, 1)
DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
BLOCK = 50_000
UPCOMING_DAYS = 60
YEARLY_INFLATION = 0.095


def day_number(day: datetime.date) -> int:
    return (day - EPOCH).days


def date_of(day: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=int(day))


@dataclasses.dataclass(frozen=True)
class Plan:
    """N patients over Y years up to `as_of`. The history ends the day before; later days hold appointments.

    Patients are generated in blocks. A block is a function of the plan and its number alone, so that blocks may be
    made in any order and by any worker.
    """

    patients: int
    years: float
    seed: int
    as_of: datetime.date
    block_size: int = BLOCK

    def __post_init__(self) -> None:
        if not 1 <= self.patients <= 9_000_000:
            raise ValueError("patients must be between 1 and 9 000 000")
        if not 0.25 <= self.years <= 15:
            raise ValueError("years must be between 0.25 and 15")
        if self.seed < 0:
            raise ValueError("seed must not be negative")

    @property
    def end(self) -> int:
        return day_number(self.as_of)

    @property
    def start(self) -> int:
        return self.end - round(365.25 * self.years)

    @property
    def sizes(self) -> list[int]:
        full, rest = divmod(self.patients, self.block_size)
        return [self.block_size] * full + ([rest] if rest else [])

    def rng(self, block: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(block,)))

    @functools.cached_property
    def calendar(self) -> "Calendar":
        return Calendar(self.start - 40, self.end + UPCOMING_DAYS + 40, self.end)


class Calendar:
    """Tables over the days first..last, so that no per-row date arithmetic is needed."""

    def __init__(self, first: int, last: int, end: int) -> None:
        self.first = first
        days = np.arange(first, last + 1)
        dates = days.astype("datetime64[D]") + (np.datetime64("2000-01-01") - np.datetime64("1970-01-01"))
        months = dates.astype("datetime64[M]")
        self._month = months.astype(np.int64) % 12 + 1
        self._day_of_month = (dates - months).astype(np.int64) + 1
        self._months_since = months.astype(np.int64)
        # Prices are changed twice a year, in January and in July.
        half_years = self._months_since // 6
        self.price_levels = np.unique(half_years)
        self._price_level = half_years - self.price_levels[0]
        now = half_years[end - first]
        self.price_index = (1 + YEARLY_INFLATION) ** ((np.minimum(self.price_levels, now) - now) / 2)
        self._offset_us = np.array(
            [[_offset_us(branch.timezone, day) for day in days] for branch in catalogue.BRANCHES], dtype=np.int64
        )

    def month(self, days: np.ndarray) -> np.ndarray:
        return self._month[days - self.first]

    def months_since_1970(self, days: np.ndarray) -> np.ndarray:
        return self._months_since[days - self.first]

    def price_level(self, days: np.ndarray) -> np.ndarray:
        return self._price_level[days - self.first]

    def new_year_holidays(self, days: np.ndarray) -> np.ndarray:
        return (self.month(days) == 1) & (self._day_of_month[days - self.first] <= 3)

    def moment(self, days: np.ndarray, minutes: np.ndarray, branch: np.ndarray) -> np.ndarray:
        """The UTC moment of a local day and minute at a branch."""
        return days.astype(np.int64) * DAY_US + minutes * MINUTE_US - self._offset_us[branch, days - self.first]


def weekday(days: np.ndarray) -> np.ndarray:
    """Monday is 0; 2000-01-01 was a Saturday."""
    return (days + 5) % 7


@functools.lru_cache(maxsize=100_000)
def _offset_us(timezone: str, day: int) -> int:
    noon = datetime.datetime.combine(date_of(day), datetime.time(12), zoneinfo.ZoneInfo(timezone))
    offset = noon.utcoffset()
    assert offset is not None
    return int(offset.total_seconds() * 1_000_000)

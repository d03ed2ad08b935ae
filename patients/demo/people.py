"""The patients of a block: kinds, traits, names, ages, households, channels."""

from typing import NamedTuple

import numpy as np

from patients.demo import catalogue, names, stories
from patients.demo.lines import KIND_INDEX, KINDS
from patients.demo.plan import MINUTE_US, Plan, weekday

# Mobile codes given to no operator that we know of: a demo must not dial a stranger.
PHONE_CODES = ("907", "935", "954", "957", "972", "973", "974", "975", "976")
NUMBERS_PER_CODE = 10_000_000
NONE = -1


class People(NamedTuple):
    """Columns of a block's patients, in the order of their registration. References are positions in the block."""

    kind: np.ndarray
    male: np.ndarray
    birth: np.ndarray  # day number
    registered: np.ndarray  # day number
    registered_at: np.ndarray  # moment
    branch: np.ndarray
    channel: np.ndarray
    city: np.ndarray  # bytes
    guardian: np.ndarray  # NONE when there is none
    referred_by: np.ndarray
    last_name: np.ndarray
    first_name: np.ndarray
    middle_name: np.ndarray
    phone: np.ndarray
    email: np.ndarray
    satisfaction: np.ndarray  # the patient's mean answer, 0–10
    unhappy: np.ndarray
    hunter: np.ndarray
    vip: np.ndarray
    cold_since: np.ndarray  # day number; far in the future for everybody else
    missed_per_visit: np.ndarray


def people(plan: Plan, block: int, rng: np.random.Generator) -> People:
    n = plan.sizes[block]
    kind = rng.choice(len(KINDS), n, p=_shares([kind.share for kind in KINDS]))
    registered = _registration_days(plan, kind, rng)
    order = np.argsort(registered, kind="stable")
    kind, registered = kind[order], registered[order]
    male = rng.random(n) >= np.array([kind.female for kind in KINDS])[kind]
    birth = _birth_days(plan, kind, registered, rng)
    branch = rng.choice(len(catalogue.BRANCHES), n, p=_shares([branch.weight for branch in catalogue.BRANCHES]))
    deals = np.array([kind.deals for kind in KINDS])[kind]
    channel = _channels(deals, rng)
    hunter = deals & (rng.random(n) < stories.HUNTER_SHARE)
    age = (registered - birth) // 365.25
    vip = deals & ~hunter & (age >= 28) & (age <= 65) & (rng.random(n) < stories.VIP_SHARE)
    vip &= channel != catalogue.CHANNEL_INDEX[stories.ONE_OFF_CHANNEL]
    unhappy = ~vip & (rng.random(n) < stories.UNHAPPY_SHARE)
    satisfaction = np.where(unhappy, rng.normal(4.6, 1.2, n), rng.normal(8.95, 0.9, n))
    satisfaction = np.where(hunter, np.minimum(satisfaction, rng.normal(5.6, 1.4, n)), satisfaction)
    cold = vip & (rng.random(n) < stories.COLD_VIP_SHARE)
    cold_since = np.where(cold, plan.end - rng.integers(*stories.COLD_SINCE_DAYS, n), plan.end + 10_000)
    missed = np.where(hunter, stories.HUNTER_MISSED_PER_VISIT, rng.gamma(1.4, 0.10, n)).astype(np.float32)
    guardian = _guardians(kind, male, age, rng)
    last, first, middle, email = _names(male, age, guardian, rng)
    return People(
        kind, male, birth, registered, _registration_moments(plan, registered, branch, rng), branch, channel,
        _cities(branch, rng), guardian, _referrers(channel, rng), last, first, middle,
        _phones(plan, block, guardian, rng), email, satisfaction, unhappy, hunter, vip, cold_since, missed,
    )  # fmt: skip


def _shares(weights: list[float]) -> np.ndarray:
    array = np.array(weights)
    return array / array.sum()


def _registration_days(plan: Plan, kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The base grows by 14 % a year; a quarter of it was taken over from the old system in the first months."""
    days = np.arange(plan.start, plan.end)
    month = plan.calendar.month(days)
    season = np.array([0.85, 0.98, 1.1, 1.08, 1.0, 0.92, 0.8, 0.85, 1.12, 1.15, 1.1, 1.05])[month - 1]
    week = np.array([1.1, 1.1, 1.05, 1.05, 1.05, 0.95, 0.55])[weekday(days)]
    weight = 1.14 ** ((days - plan.start) / 365.25) * season * week
    take_over = np.exp(-(days - plan.start) / 60.0) * season * week
    density = 0.72 * weight / weight.sum() + 0.28 * take_over / take_over.sum()
    registered = rng.choice(days, len(kind), p=density / density.sum())
    drafted = np.flatnonzero(kind == KIND_INDEX["conscript"])
    call = np.where(np.isin(month, stories.CONSCRIPT_MONTHS), weight, 0.03 * weight)
    registered[drafted] = rng.choice(days, len(drafted), p=call / call.sum())
    return registered.astype(np.int64)


def _birth_days(plan: Plan, kind: np.ndarray, registered: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    low = np.array([kind.ages[0] for kind in KINDS])[kind]
    high = np.array([kind.ages[1] for kind in KINDS])[kind] + 1
    years = low + (high - low) * rng.beta(1.6, 2.0, len(kind))
    drafted = kind == KIND_INDEX["conscript"]
    years = np.where(drafted, 17.02 + 1.85 * rng.random(len(kind)), years)
    return (registered - np.round(years * 365.25)).astype(np.int64)


def _channels(deals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    weights = np.array([channel.weight for channel in catalogue.CHANNELS])
    few = weights.copy()
    few[catalogue.CHANNEL_INDEX[stories.ONE_OFF_CHANNEL]] *= 0.1
    u = rng.random(len(deals))
    return np.where(deals, _pick(weights, u), _pick(few, u))


def _pick(weights: np.ndarray, u: np.ndarray) -> np.ndarray:
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0
    return np.searchsorted(cumulative, u, side="right")


def _registration_moments(plan: Plan, days: np.ndarray, branch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moment = plan.calendar.moment(days, rng.integers(9 * 60, 20 * 60, len(days)), branch)
    return moment + rng.integers(0, 60, len(days)) * (MINUTE_US // 60)


def _cities(branch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    tables = []
    for place in catalogue.BRANCHES:
        suburbs = catalogue.SUBURBS[place.city]
        tables.append([place.city.encode()] * (20 - len(suburbs)) + [suburb.encode() for suburb in suburbs])
    return np.array(tables)[branch, rng.integers(0, 20, len(branch))]


def _guardians(kind: np.ndarray, male: np.ndarray, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Children come with a mother who is a patient already, when there is one."""
    guardian = np.full(len(kind), NONE)
    mothers = np.flatnonzero(~male & (age >= 24) & (age <= 48))
    children = np.flatnonzero((kind == KIND_INDEX["child"]) | (age < 16))
    if len(mothers) and len(children):
        known = np.maximum(np.searchsorted(mothers, children), 1)
        guardian[children] = mothers[(rng.random(len(children)) * known).astype(np.int64)]
    return guardian


def _referrers(channel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A recommended patient was brought by one registered before."""
    n = len(channel)
    earlier = (rng.random(n) * np.arange(n)).astype(np.int64)
    told = (channel == catalogue.CHANNEL_INDEX[catalogue.RECOMMENDATION]) & (rng.random(n) < 0.8)
    return np.where(told & (np.arange(n) > 0), earlier, NONE)


def _names(
    male: np.ndarray, age: np.ndarray, guardian: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n, sex = len(male), male.astype(np.int64)
    surname = np.minimum(rng.exponential(len(names.SURNAMES) / 2.2, n), len(names.SURNAMES) - 1).astype(np.int64)
    surname = np.where(guardian == NONE, surname, surname[guardian])
    first = (rng.beta(1.0, 1.9, n) * np.where(male, len(names.FATHERS), len(names.FEMALE))).astype(np.int64)
    father = (rng.beta(1.0, 2.6, n) * len(names.FATHERS)).astype(np.int64)
    tables = [np.concatenate(pair) for pair in (names.LAST, names.FIRST, names.MIDDLE)]
    shifts = [len(pair[0]) for pair in (names.LAST, names.FIRST, names.MIDDLE)]
    chosen = (surname, first, father)
    last, first_name, middle = (
        table[index + sex * shift] for table, index, shift in zip(tables, chosen, shifts, strict=True)
    )
    latin_first = np.concatenate(names.FIRST_LATIN)[first + sex * shifts[1]]
    latin_last = np.concatenate(names.LAST_LATIN)[surname + sex * shifts[0]]
    email = np.char.add(np.char.add(latin_first, b"."), latin_last)
    email = np.char.add(email, rng.integers(10, 10_000, n).astype("S4"))
    email = np.char.add(email, np.where(rng.random(n) < 0.7, b"@example.com", b"@example.org"))
    email[(rng.random(n) < 0.31 + 0.004 * np.clip(age - 40, 0, 40)) | (age < 16)] = b""
    return last, first_name, np.where(rng.random(n) < 0.04, b"", middle), email


def _phones(plan: Plan, block: int, guardian: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One number per household; a ward has the guardian's. A few patients left none."""
    own = np.arange(len(guardian)) + block * plan.block_size
    household = np.where(guardian == NONE, own, own[guardian])
    # Multiplication by a number prime to the modulus is one to one: no number is given twice.
    total = len(PHONE_CODES) * NUMBERS_PER_CODE
    scattered = (household * 77_777_777_771 + plan.seed * 7_919) % total
    code = np.array([f"+7{code}".encode() for code in PHONE_CODES])[scattered // NUMBERS_PER_CODE]
    digits = scattered % NUMBERS_PER_CODE
    tail = ((digits[:, None] // 10 ** np.arange(6, -1, -1)) % 10 + ord("0")).astype(np.uint8)
    phone = np.char.add(code, np.ascontiguousarray(tail).view("S7")[:, 0])
    phone[rng.random(len(guardian)) < 0.015] = b""
    return np.where(guardian == NONE, phone, phone[guardian])

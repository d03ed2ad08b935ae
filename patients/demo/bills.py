"""What was done at the visits, at the prices of that time, and who paid for it when."""

from typing import NamedTuple

import numpy as np

from patients.demo import catalogue, stories
from patients.demo.lines import LINES, Choice
from patients.demo.people import People
from patients.demo.plan import MINUTE_US, Plan
from patients.demo.threads import Threads
from patients.demo.visits import COMPLETED, Visits

SINGLE, PACKAGE, REFUND = range(3)
KINDS = np.array([b"single", b"package", b"refund"])
PACKAGE_DISCOUNT = 0.20
REGIONAL_PRICE = np.array([1.0, 1.0, 0.85])  # Novosibirsk is cheaper than Moscow
PROMO_CODES = np.array([b"", b"SEASON10", b"SEASON15", b"SEASON20", b"SALE", b"COUPON50", b"COURSE"])
_ORDINARY, _SALE, _COUPON, _COURSE = slice(1, 4), 4, 5, 6
_GIFT = catalogue.CHANNEL_INDEX[catalogue.GIFT]
_COUPONS = catalogue.CHANNEL_INDEX[stories.ONE_OFF_CHANNEL]


class Items(NamedTuple):
    """Services of the visits, in the order of the visits. Money in whole ₽; discount and cost are of the line."""

    visit: np.ndarray
    service: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    discount: np.ndarray
    cost: np.ndarray


class Totals(NamedTuple):
    """Per visit."""

    amount: np.ndarray
    discount: np.ndarray
    cost: np.ndarray
    promo: np.ndarray


class Payments(NamedTuple):
    visit: np.ndarray
    patient: np.ndarray
    paid_at: np.ndarray
    day: np.ndarray
    amount: np.ndarray
    kind: np.ndarray


def items_and_totals(
    plan: Plan, people: People, threads: Threads, visits: Visits, rng: np.random.Generator
) -> tuple[Items, Totals]:
    visit, service, quantity = _services(people, threads, visits, rng)
    price, unit_cost = _prices(plan, visits, visit, service)
    rate, promo = _discounts(people, threads, visits, rng)
    full = price * quantity
    certificate = np.array([spec.group == catalogue.CERTIFICATES for spec in catalogue.SERVICES])[service]
    discount = np.where(certificate, 0, np.ceil(full * rate[visit] / 10).astype(np.int64) * 10)
    cost = unit_cost * quantity
    n = len(visits.patient)
    amount_of, discount_of, cost_of = (
        np.bincount(visit, weights=column, minlength=n).astype(np.int64) for column in (full - discount, discount, cost)
    )
    return Items(visit, service, quantity, price, discount, cost), Totals(
        amount_of, discount_of, cost_of, np.where(discount_of > 0, promo, 0)
    )


def _draw(choice: Choice, u: np.ndarray) -> np.ndarray:
    services = np.array([catalogue.SERVICE_INDEX[code] for code, _ in choice])
    cumulative = np.cumsum([weight for _, weight in choice])
    return services[np.minimum(np.searchsorted(cumulative / cumulative[-1], u, side="right"), len(services) - 1)]


def _services(
    people: People, threads: Threads, visits: Visits, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(visits.patient)
    main, extra, second = np.empty(n, np.int64), np.full(n, -1), np.full(n, -1)
    quantity = np.ones(n, dtype=np.int64)
    habit = rng.random(len(threads.patient))  # the zone of a laser course, the units a face needs
    u = rng.random((4, n))
    vip = people.vip[visits.patient]
    for number, spec in enumerate(LINES):
        rows = np.flatnonzero(visits.line == number)
        if not len(rows):
            continue
        step, own = visits.step[rows], habit[visits.thread[rows]]
        if spec.in_order:
            order = np.array([catalogue.SERVICE_INDEX[code] for code, _ in spec.services])
            main[rows] = order[np.minimum(step, len(order) - 1)]
        else:
            main[rows] = _draw(spec.services, own if spec.package else u[0, rows])
        if spec.opening:
            main[rows] = np.where(step == 0, _draw(spec.opening, u[0, rows]), main[rows])
        low, high = spec.quantity
        if high > low:
            units = low + (high - low) * np.clip(own + 0.1 * (u[3, rows] - 0.5), 0, 1) ** 1.5
            quantity[rows] = np.where(vip[rows], np.maximum(units, 0.6 * high), units).astype(np.int64)
        if spec.extras:
            rate = np.minimum(spec.extra_rate * np.where(vip[rows], 1.8, 1.0), 0.95)
            one = u[1, rows] < rate
            extra[rows] = np.where(one, _draw(spec.extras, u[2, rows]), -1)
            more = one & (u[1, rows] < 0.3 * rate)
            second[rows] = np.where(more, _draw(spec.extras, u[3, rows]), -1)
    main = _for_men(main, people.male[visits.patient])
    extra[extra == main] = -1
    second[(second == main) | (second == extra)] = -1
    visit = np.concatenate([np.arange(n), np.flatnonzero(extra >= 0), np.flatnonzero(second >= 0)])
    service = np.concatenate([main, extra[extra >= 0], second[second >= 0]])
    amount = np.concatenate([quantity, np.ones(len(visit) - n, dtype=np.int64)])
    order = np.argsort(visit, kind="stable")
    return visit[order], service[order], amount[order]


def _for_men(service: np.ndarray, male: np.ndarray) -> np.ndarray:
    """Men have their backs epilated where women have legs and bikini."""
    back = catalogue.SERVICE_INDEX["S24"]
    zones = [catalogue.SERVICE_INDEX["S20"], catalogue.SERVICE_INDEX["S21"]]
    return np.where(male & np.isin(service, zones), back, service)


def _prices(plan: Plan, visits: Visits, visit: np.ndarray, service: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Price lists by half-year and branch: prices to 50 ₽ (10 ₽ below 1 000 ₽), certificates at their face value."""
    today = np.array([spec.price for spec in catalogue.SERVICES], dtype=np.float64)
    face = np.array([spec.group == catalogue.CERTIFICATES for spec in catalogue.SERVICES])
    share = np.array([spec.cost_share for spec in catalogue.SERVICES])
    lists = today * plan.calendar.price_index[:, None, None] * REGIONAL_PRICE[None, :, None]
    unit = np.where(lists < 1000, 10, 50)
    prices = np.where(face, today, np.round(lists / unit) * unit).astype(np.int64)
    costs = np.maximum(np.round(prices * share), 1).astype(np.int64)
    level, branch = plan.calendar.price_level(visits.day)[visit], visits.branch[visit]
    return prices[level, branch, service], costs[level, branch, service]


def _discounts(
    people: People, threads: Threads, visits: Visits, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The discount rate of each visit and the position of its promo code."""
    n = len(visits.patient)
    usual = np.array([spec.discounts for spec in LINES])[visits.line]
    level = rng.integers(1, 4, n)
    promo = np.where(rng.random(n) < usual, level, 0)
    rate = np.array([0.0, 0.10, 0.15, 0.20])[promo]
    course = (threads.course[visits.thread] > 0) & (visits.step < threads.course[visits.thread])
    rate, promo = np.where(course, PACKAGE_DISCOUNT, rate), np.where(course, _COURSE, promo)
    hunter = people.hunter[visits.patient]
    sale = rng.uniform(stories.HUNTER_MIN_DISCOUNT, stories.HUNTER_MAX_DISCOUNT, n)
    rate, promo = np.where(hunter, sale, rate), np.where(hunter, _SALE, promo)
    coupon = (people.channel[visits.patient] == _COUPONS) & (visits.step == 0)
    rate = np.where(coupon, stories.ONE_OFF_CHANNEL_DISCOUNT, rate)
    return rate, np.where(coupon, _COUPON, promo)


def payments(
    plan: Plan, people: People, threads: Threads, visits: Visits, totals: Totals, rng: np.random.Generator
) -> Payments:
    """Completed visits are paid on the spot, courses at their first session, gifts by whoever gave them."""
    course = threads.course[visits.thread]
    done = (visits.status == COMPLETED) & (totals.amount > 0)
    gift = (people.channel[visits.patient] == _GIFT) & (visits.step == 0) & (course == 0)
    unpaid = rng.random(len(done)) < 0.004
    single = np.flatnonzero(done & (course == 0) & ~gift & ~unpaid)
    package = np.flatnonzero(done & (course > 0) & (visits.step == 0))
    doubtful = people.unhappy[visits.patient] | people.hunter[visits.patient]
    back = single[rng.random(len(single)) < np.where(doubtful[single], 0.015, 0.0025)]
    dropped = package[(threads.planned < threads.course)[visits.thread[package]]]
    dropped = dropped[rng.random(len(dropped)) < 0.12]
    price = totals.amount[package] * course[package]
    rest = threads.course - threads.planned
    returned = totals.amount[dropped] * rest[visits.thread[dropped]]
    refund = np.concatenate([back, dropped])
    refund_amount = np.concatenate([totals.amount[back], returned])
    later = np.concatenate([rng.integers(1, 15, len(back)), rng.integers(60, 200, len(dropped))])
    before_end = visits.day[refund] + later < plan.end
    refund, refund_amount, later = refund[before_end], refund_amount[before_end], later[before_end]

    visit = np.concatenate([single, package, refund])
    kind = np.repeat(np.array([SINGLE, PACKAGE, REFUND]), [len(single), len(package), len(refund)])
    day = np.concatenate([visits.day[single], visits.day[package], visits.day[refund] + later])
    amount = np.concatenate([totals.amount[single], price, refund_amount])
    within_the_hour = rng.integers(15, 50, len(visit)) * MINUTE_US
    paid_at = visits.starts_at[visit] + (day - visits.day[visit]) * (1440 * MINUTE_US) + within_the_hour
    order = np.lexsort((paid_at, visits.patient[visit]))
    return Payments(visit[order], visits.patient[visit[order]], paid_at[order], day[order], amount[order], kind[order])

"""Each planted story can be found in the generated rows, without looking at the generator's hidden traits."""

import datetime

import numpy as np
import pytest

from patients.demo import catalogue, stories
from patients.demo.blocks import Block, generate
from patients.demo.plan import Plan
from patients.demo.visits import CANCELLED, COMPLETED, NO_SHOW

N = 40_000
PLAN = Plan(patients=N, years=4, seed=23, as_of=datetime.date(2026, 9, 14))
DOCTORS = {doctor.code: position for position, doctor in enumerate(catalogue.DOCTORS)}


class Facts:
    """What a report can see: completed visits, first ones, counts per patient."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.visits = block.visits
        self.done = np.flatnonzero(block.visits.status == COMPLETED)
        self.patient = self.visits.patient[self.done]
        self.came, first = np.unique(self.patient, return_index=True)
        self.first = self.done[first]
        self.count = np.bincount(self.patient, minlength=N)[self.came]
        # A patient of the last year may still come back.
        self.settled = self.visits.day[self.first] < PLAN.end - 365
        self.once = self.count == 1

    def loss_after_first(self, doctor: int) -> tuple[int, int]:
        """(lost, seen): patients whose first visit to the clinic was to this doctor, and who never came again."""
        rows = self.settled & (self.visits.doctor[self.first] == doctor)
        return int(self.once[rows].sum()), int(rows.sum())


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts(generate(PLAN, 0))


def cosmetologists() -> list[int]:
    return [i for i, doctor in enumerate(catalogue.DOCTORS) if doctor.specialty == catalogue.COSMETOLOGIST]


def test_one_doctor_loses_first_visit_patients(facts):
    losing = DOCTORS[stories.LOSING_DOCTOR]
    lost, seen = facts.loss_after_first(losing)
    others = np.array([facts.loss_after_first(doctor) for doctor in cosmetologists() if doctor != losing])
    usual = others[:, 0].sum() / others[:, 1].sum()
    z = (lost / seen - usual) / np.sqrt(usual * (1 - usual) / seen)
    assert lost / seen > usual + 0.25 and z > 8
    assert seen < np.median(others[:, 1])  # found by the ratio, not by being busy


def test_the_busiest_doctor_loses_most_patients_but_an_ordinary_share(facts):
    busiest = DOCTORS[stories.BUSIEST_DOCTOR]
    load = np.bincount(facts.visits.doctor[facts.visits.doctor >= 0], minlength=len(DOCTORS))
    assert load.argmax() == busiest
    lost, seen = facts.loss_after_first(busiest)
    peers = [d for d in cosmetologists() if d not in (busiest, DOCTORS[stories.LOSING_DOCTOR])]
    others = np.array([facts.loss_after_first(doctor) for doctor in peers])
    usual = others[:, 0].sum() / others[:, 1].sum()
    assert abs(lost / seen - usual) < 0.05
    assert lost > others[:, 0].max() and lost > facts.loss_after_first(DOCTORS[stories.LOSING_DOCTOR])[0]


def test_young_men_come_in_spring_and_autumn(facts):
    visits, people = facts.visits, facts.block.people
    age = (visits.day[facts.done] - people.birth[facts.patient]) / 365.25
    low, high = stories.CONSCRIPT_AGES
    young = people.male[facts.patient] & (age >= low) & (age < high + 1)
    in_season = np.isin(PLAN.calendar.month(visits.day[facts.done]), stories.CONSCRIPT_MONTHS)
    assert young.sum() > 500
    assert in_season[young].mean() > 0.72
    assert in_season[~young].mean() < 0.56
    grown = people.male[facts.patient] & (age >= 19) & (age < 30)
    groups = np.array([service.group for service in catalogue.SERVICES])[facts.block.items.service]
    medical = np.isin(groups, (catalogue.CARDIOLOGY, catalogue.ULTRASOUNDS, catalogue.LABORATORY))
    has_medical = np.zeros(len(visits.patient), dtype=bool)
    has_medical[facts.block.items.visit[medical]] = True
    assert has_medical[facts.done][young].mean() > 2.5 * has_medical[facts.done][grown].mean()


def test_discount_hunters_pay_little_cancel_and_complain(facts):
    totals, visits = facts.block.totals, facts.visits
    discount = np.bincount(facts.patient, weights=totals.discount[facts.done], minlength=N)
    full = discount + np.bincount(facts.patient, weights=totals.amount[facts.done], minlength=N)
    visits_done = np.bincount(facts.patient, minlength=N)
    regular = visits_done >= 3
    share = discount / np.maximum(full, 1)
    hunters = regular & (share >= stories.HUNTER_MIN_DISCOUNT)
    assert 0.01 < hunters.sum() / N < 0.06
    missed = np.bincount(visits.patient[np.isin(visits.status, (CANCELLED, NO_SHOW))], minlength=N)
    complaints = np.bincount(facts.block.answers.patient[facts.block.answers.complaint], minlength=N)
    rest = regular & ~hunters

    def per_visit(events: np.ndarray, who: np.ndarray) -> float:
        return float(events[who].sum() / visits_done[who].sum())

    assert per_visit(missed, hunters) > 3 * per_visit(missed, rest)
    assert per_visit(complaints, hunters) > 10 * per_visit(complaints, rest)


def test_the_best_patients_have_turned_cold_lately(facts):
    """Of the steady top spenders of a year far more then fell silent than a year ago; of the others, no more."""
    (best_now, silent_best_now), (_, silent_rest_now) = silent(facts, PLAN.end)
    (best_then, silent_best_then), (_, silent_rest_then) = silent(facts, PLAN.end - 365)
    error = np.sqrt(
        silent_best_now * (1 - silent_best_now) / best_now + silent_best_then * (1 - silent_best_then) / best_then
    )
    assert silent_best_now > 2 * silent_best_then
    assert (silent_best_now - silent_best_then) / error > 3
    assert abs(silent_rest_now - silent_rest_then) < 0.04


def silent(facts: Facts, end: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """(patients, share without a visit lately) of the top 5 % by money and of the lower 60 %.

    Both came in each half of the year that ended 200 days before `end`; lately is the last 110 days.
    """
    recent, since = (end - days for days in stories.COLD_SINCE_DAYS)
    payments, day = facts.block.payments, facts.visits.day[facts.done]

    def visits_between(start: int, stop: int) -> np.ndarray:
        return np.bincount(facts.patient[(day >= start) & (day < stop)], minlength=N)

    year = (payments.day >= since - 365) & (payments.day < since)
    spent = np.bincount(payments.patient[year], weights=payments.amount[year], minlength=N)
    steady = (visits_between(since - 365, since - 182) >= 3) & (visits_between(since - 182, since) >= 3)
    best = steady & (spent >= np.quantile(spent[steady], 0.95))
    rest = steady & (spent < np.quantile(spent[steady], 0.6))
    gone = visits_between(recent, end) == 0
    return (int(best.sum()), float(gone[best].mean())), (int(rest.sum()), float(gone[rest].mean()))


def test_one_channel_brings_one_off_patients(facts):
    channel = facts.block.people.channel[facts.came]
    once = [
        facts.once[facts.settled & (channel == number)].mean()
        for number, spec in enumerate(catalogue.CHANNELS)
        if spec.name != stories.ONE_OFF_CHANNEL
    ]
    coupon = facts.settled & (channel == catalogue.CHANNEL_INDEX[stories.ONE_OFF_CHANNEL])
    assert coupon.sum() > 300
    assert facts.once[coupon].mean() > max(once) + 0.3
    assert max(once) - min(once) < 0.12  # the others hardly differ


def test_discontent_patients_leave_sooner(facts):
    answers = facts.block.answers
    scored = answers.score >= 0
    number = np.bincount(answers.patient[scored], minlength=N)
    mean = np.bincount(answers.patient[scored], weights=answers.score[scored], minlength=N) / np.maximum(number, 1)
    low, high = (number > 0) & (mean <= 5.5), (number > 0) & (mean >= 8.5)
    last = np.zeros(N, dtype=np.int64)
    np.maximum.at(last, facts.patient, facts.visits.day[facts.done])
    gone = last < PLAN.end - 365
    assert gone[low].mean() > gone[high].mean() + 0.06  # although who leaves at once is rarely asked

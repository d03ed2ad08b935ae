"""The generated arrays: reproducible, consistent with themselves, and of a believable size and shape."""

import datetime

import numpy as np
import pytest

from patients.demo import catalogue, names, people, voices
from patients.demo.bills import PACKAGE, REFUND
from patients.demo.blocks import Block, generate
from patients.demo.lines import LINE_INDEX
from patients.demo.plan import DAY_US, MINUTE_US, Plan, date_of, day_number, weekday
from patients.demo.visits import BOOKED, CANCELLED, COMPLETED, CONFIRMED, NO_SHOW

AS_OF = datetime.date(2026, 3, 2)
PLAN = Plan(patients=20_000, years=4, seed=11, as_of=AS_OF)


@pytest.fixture(scope="module")
def block() -> Block:
    return generate(PLAN, 0)


def flat(block: Block) -> list[np.ndarray]:
    return [column for part in block[1:] for column in part]


def sums(positions: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(positions, weights=values, minlength=size).astype(np.int64)


class TestReproducibility:
    plan = Plan(patients=1_500, years=2, seed=5, as_of=AS_OF, block_size=500)

    def test_blocks_do_not_depend_on_the_order_in_which_they_are_made(self):
        forward = {number: generate(self.plan, number) for number in (0, 1, 2)}
        backward = {number: generate(self.plan, number) for number in (2, 1, 0)}
        for number in (0, 1, 2):
            pairs = zip(flat(forward[number]), flat(backward[number]), strict=True)
            assert all(np.array_equal(one, other) for one, other in pairs)

    def test_blocks_and_seeds_differ(self):
        first, second = generate(self.plan, 0), generate(self.plan, 1)
        assert not np.array_equal(first.people.birth, second.people.birth)
        other = generate(Plan(patients=1_500, years=2, seed=6, as_of=AS_OF, block_size=500), 0)
        assert not np.array_equal(first.people.birth, other.people.birth)

    def test_the_last_block_takes_the_rest(self):
        assert Plan(1_100, 1, 0, AS_OF, block_size=500).sizes == [500, 500, 100]

    @pytest.mark.parametrize("wrong", [{"patients": 0}, {"years": 0}, {"seed": -1}, {"patients": 10**8}])
    def test_senseless_plans_are_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Plan(**{"patients": 10, "years": 1, "seed": 1, "as_of": AS_OF, **wrong})

    @pytest.mark.parametrize(("patients", "years"), [(1, 0.25), (3, 1), (40, 15)])
    def test_the_smallest_clinics_can_be_made(self, patients, years):
        assert len(generate(Plan(patients, years, 1, AS_OF), 0).people.kind) == patients


class TestConsistency:
    def test_totals_are_the_sums_over_the_items(self, block):
        items, totals, n = block.items, block.totals, len(block.visits.patient)
        full = items.quantity * items.price
        assert np.array_equal(totals.amount, sums(items.visit, full - items.discount, n))
        assert np.array_equal(totals.discount, sums(items.visit, items.discount, n))
        assert np.array_equal(totals.cost, sums(items.visit, items.cost, n))
        assert (items.discount <= full).all() and (items.discount >= 0).all() and (items.cost > 0).all()

    def test_every_visit_has_one_to_three_different_services(self, block):
        per_visit = np.bincount(block.items.visit, minlength=len(block.visits.patient))
        assert per_visit.min() == 1 and per_visit.max() == 3
        pairs = block.items.visit * 1000 + block.items.service
        assert len(np.unique(pairs)) == len(pairs)

    def test_what_has_happened_lies_before_as_of_and_appointments_after(self, block):
        visits, end = block.visits, PLAN.end
        past = np.isin(visits.status, (COMPLETED, CANCELLED, NO_SHOW))
        assert (visits.day[past] < end).all()
        upcoming = np.isin(visits.status, (BOOKED, CONFIRMED))
        assert np.array_equal(upcoming, ~past)
        assert (visits.day[upcoming] >= end).all() and (visits.day[upcoming] <= end + 64).all()
        assert (visits.day > block.people.registered[visits.patient]).all()

    def test_visits_lie_within_the_opening_hours_of_their_branch(self, block):
        visits = block.visits
        for number, place in enumerate(catalogue.BRANCHES):
            rows = visits.branch == number
            hours = 3 if place.city == "Москва" else 7  # the zones' offsets from UTC in these years
            local = visits.starts_at[rows] + hours * 60 * MINUTE_US
            assert np.array_equal(local // DAY_US, visits.day[rows])
            minute = local % DAY_US // MINUTE_US
            assert minute.min() >= place.opens * 60 and minute.max() <= (place.closes - 1) * 60
        siberian = visits.day[visits.branch == 2]
        assert not (weekday(siberian) == 6).any()
        assert not PLAN.calendar.new_year_holidays(visits.day).any()

    def test_doctors_work_in_their_branch_and_only_certificates_need_none(self, block):
        visits = block.visits
        branch_of = np.array([doctor.branch for doctor in catalogue.DOCTORS])
        certificate = visits.line == LINE_INDEX["certificate"]
        assert np.array_equal(visits.doctor < 0, certificate)
        assert np.array_equal(branch_of[visits.doctor[~certificate]], visits.branch[~certificate])

    def test_services_fit_the_sex_of_the_patient(self, block):
        male = block.people.male[block.visits.patient[block.items.visit]]
        sexes = np.array([service.sex for service in catalogue.SERVICES])[block.items.service]
        assert not ((sexes == "female") & male).any()
        assert not ((sexes == "male") & ~male).any()

    def test_a_course_is_paid_up_front_and_its_sessions_are_free(self, block):
        visits, payments = block.visits, block.payments
        course = block.threads.course[visits.thread] > 0
        paid = np.zeros(len(visits.patient), dtype=bool)
        paid[payments.visit[payments.kind != REFUND]] = True
        assert not paid[course & (visits.step > 0)].any()
        packages = payments.kind == PACKAGE
        assert packages.sum() > 500
        session = block.totals.amount[payments.visit[packages]]
        assert (payments.amount[packages] >= 6 * session).all()

    def test_completed_visits_are_paid_in_full_with_few_exceptions(self, block):
        visits, payments = block.visits, block.payments
        single = payments.kind == 0
        assert np.array_equal(payments.amount[single], block.totals.amount[payments.visit[single]])
        assert (visits.status[payments.visit] == COMPLETED).all()
        owed = (visits.status == COMPLETED) & (block.threads.course[visits.thread] == 0) & (block.totals.amount > 0)
        assert 0.96 < single.sum() / owed.sum() < 1
        refunds = payments.kind == REFUND
        assert 0.001 < refunds.mean() < 0.01 and (payments.day < PLAN.end).all()

    def test_prices_rise_by_about_a_tenth_a_year_and_end_at_the_list(self, block):
        service = catalogue.SERVICE_INDEX["S31"]
        rows = (block.items.service == service) & (block.visits.branch[block.items.visit] == 0)
        day, price = block.visits.day[block.items.visit[rows]], block.items.price[rows]
        assert price[day >= PLAN.end - 30].max() == catalogue.SERVICES[service].price
        early = price[day < PLAN.start + 300].mean()
        assert 1.25 < catalogue.SERVICES[service].price / early < 1.5  # 3.6 years at 8–12 %

    def test_consents_are_one_open_word_per_channel_and_purpose(self, block):
        words = block.consents
        key = (words.patient * 10 + words.channel) * 10 + words.purpose
        still = key[words.until == 0]
        assert len(np.unique(still)) == len(still)
        over = words.until > 0
        assert (words.until[over] > words.at[over]).all()
        assert set(words.until[over]) <= set(words.at)
        assert len(np.unique(np.stack([key, words.at]), axis=1).T) == len(key)

    def test_consent_texts_are_of_their_time(self, block):
        words = block.consents
        versions = voices.TEXT_VERSIONS[words.text_version]
        late = words.at >= day_number(datetime.date(2025, 9, 2)) * DAY_US
        assert set(versions[late]) == {b"2025-09"} and b"2025-09" not in set(versions[words.at < 9374 * DAY_US])

    def test_answers_come_after_their_completed_visit(self, block):
        answers, visits = block.answers, block.visits
        assert (visits.status[answers.visit] == COMPLETED).all()
        assert (answers.given_at > visits.starts_at[answers.visit]).all()
        assert ((answers.score >= -1) & (answers.score <= 10)).all()


class TestPeople:
    def test_one_phone_per_household(self, block):
        who = block.people
        ward = who.guardian >= 0
        assert np.array_equal(who.phone[ward & (who.phone != b"")], who.phone[who.guardian[ward & (who.phone != b"")]])
        own = who.phone[~ward & (who.phone != b"")]
        assert len(np.unique(own)) == len(own)
        assert ward.sum() > 800
        assert {phone[:5].decode() for phone in own} <= {f"+7{code}" for code in people.PHONE_CODES}
        assert all(len(phone) == 12 and phone[1:].isdigit() for phone in own)

    def test_blocks_share_no_phone(self):
        plan = Plan(patients=2_000, years=2, seed=5, as_of=AS_OF, block_size=1_000)
        first, second = (set(generate(plan, number).people.phone) - {b""} for number in (0, 1))
        assert not first & second

    def test_wards_are_children_and_bear_the_name_of_a_grown_up_guardian(self, block):
        who = block.people
        ward = np.flatnonzero(who.guardian >= 0)
        assert ((who.registered[ward] - who.birth[ward]) / 365.25 < 16.1).all()
        guardian = who.guardian[ward]
        assert not who.male[guardian].any()
        assert ((who.birth[ward] - who.birth[guardian]) / 365.25 > 8).all()
        daughters = ~who.male[ward]
        assert np.array_equal(who.last_name[ward][daughters], who.last_name[guardian][daughters])

    def test_names_agree_in_gender(self, block):
        who = block.people
        first = [name.decode() for name in who.first_name]
        assert set(first) == set(names.FEMALE) | {father[0] for father in names.FATHERS}
        for male, middle, last in zip(who.male[:3000], who.middle_name[:3000], who.last_name[:3000], strict=True):
            if middle:
                assert middle.decode().endswith("ич" if male else "на")
            if last.decode().endswith(("ова", "ева", "ина", "ая")):
                assert not male
            if last.decode().endswith(("ов", "ев", "ин", "ий")):
                assert male

    def test_mail_goes_to_reserved_domains_only(self, block):
        given = [address.decode() for address in block.people.email if address]
        assert {address.split("@")[1] for address in given} == {"example.com", "example.org"}
        assert all(address.isascii() and " " not in address for address in given)
        assert 0.5 < len(given) / 20_000 < 0.75

    def test_a_recommended_patient_came_after_the_one_who_recommended(self, block):
        brought = np.flatnonzero(block.people.referred_by >= 0)
        assert len(brought) > 2_000
        assert (block.people.referred_by[brought] < brought).all()
        assert (np.diff(block.people.registered) >= 0).all()


class TestSize:
    def test_about_ten_visits_per_patient_and_the_usual_outcomes(self, block):
        visits = block.visits
        assert 9 < len(visits.patient) / 20_000 < 11
        shares = np.bincount(visits.status, minlength=5) / len(visits.status)
        assert 0.80 < shares[COMPLETED] < 0.88
        assert shares[CANCELLED] > shares[NO_SHOW] > 0.03
        assert shares[BOOKED] + shares[CONFIRMED] > 0.008

    def test_most_patients_are_women_and_some_never_came(self, block):
        assert 0.68 < 1 - block.people.male.mean() < 0.78
        came = np.unique(block.visits.patient[block.visits.status == COMPLETED])
        assert 0.04 < 1 - len(came) / 20_000 < 0.08

    def test_more_are_lost_than_the_norm_allows(self, block):
        """Lost: no completed visit within two recall intervals of anything done (365 days where none is set)."""
        visits, items = block.visits, block.items
        done = visits.status[items.visit] == COMPLETED
        recall = np.array([service.recall_days or 0 for service in catalogue.SERVICES])[items.service]
        patience = np.where(recall > 0, np.clip(2 * recall, 90, 730), 365)
        patient = visits.patient[items.visit]
        expected = np.zeros(20_000, dtype=np.int64)
        np.maximum.at(expected, patient[done], (visits.day[items.visit] + patience)[done])
        came = expected > 0
        assert 0.35 < (expected[came] < PLAN.end).mean() < 0.45

    def test_the_net_promoter_score_is_that_of_a_good_clinic(self, block):
        score = block.answers.score[block.answers.score >= 0]
        assert 35 < 100 * ((score >= 9).mean() - (score <= 6).mean()) < 55

    def test_the_clinic_grows_and_rests_on_sundays(self, block):
        done = block.visits.day[block.visits.status == COMPLETED]
        assert ((done >= PLAN.end - 365).sum()) > 1.2 * ((done < PLAN.start + 395) & (done >= PLAN.start + 30)).sum()
        assert (weekday(done) == 6).mean() < 0.08

    def test_upcoming_appointments_stand_for_known_patients_too(self, block):
        upcoming = np.unique(block.visits.patient[block.visits.status <= CONFIRMED])
        done = np.unique(block.visits.patient[block.visits.status == COMPLETED])
        assert np.isin(upcoming, done).mean() > 0.8
        assert date_of(block.visits.day.max()) > AS_OF + datetime.timedelta(days=40)

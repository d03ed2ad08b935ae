"""What every type of rule keeps. A type's own test module inherits it and says how its occasions come about:

class TestBirthday(TypeContract):
    code = "birthday"
    params = {"days_before": 7}

    def occasion(self, patient, day):
        Patient.objects.filter(pk=patient.pk).update(birth_date=day.replace(year=1985))

Name the class Test…, the module test_<type>.py; the database is there (`pytest.mark.django_db` is inherited).
"""

import datetime
import itertools
import zoneinfo
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import pytest
from django.db import connection
from django.utils.translation import override

from campaigns.models import Purpose
from patients.models import ChangedPatient, Patient
from segmentation.models import Metrics
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from triggers import rule_types
from triggers.models import Firing, Goal, TriggerRule, TriggerStep
from triggers.rule_types import STAGES, Clause
from triggers.services import finding, looking
from triggers.services.finding import Window

Row = dict[str, Any]
DAY = datetime.timedelta(days=1)
# Anchors lie on these days, noon in Moscow is NOON of the first: long enough ago for facts that come after.
FIRST = datetime.date(2026, 3, 2)
DAYS = [FIRST + DAY * n for n in range(10)]


def at(day: datetime.date, hour: int = 12, minute: int = 0) -> datetime.datetime:
    """An hour of the day by the clock of Moscow, which has been three hours ahead all year since 2014."""
    return datetime.datetime(day.year, day.month, day.day, hour, minute, tzinfo=datetime.UTC) - datetime.timedelta(
        hours=3
    )


@pytest.mark.django_db
class TypeContract:
    """The tests every type inherits. `occasion` is all a type has to write; the rest has defaults that fit most."""

    code: ClassVar[str]
    params: ClassVar[dict[str, Any]] = {}
    # (offset, unit, time of day) of the ladder; the first is the earliest.
    steps: ClassVar[tuple[tuple[int, str, datetime.time | None], ...]] = ((0, "day", None), (2, "day", None))
    # How many occasions one call of `occasion` makes in the window of the tests (with a ladder as above).
    each: ClassVar[int] = 1

    # ---- what a type says

    def prepare(self) -> None:
        """Facts that are there before any patient: services, segments, free slots."""

    def settings(self) -> dict[str, Any]:
        """The settings of the rule; override when they name rows made in `prepare`."""
        return self.params

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        """Facts that make one occasion of this patient, anchored on this day (by the clock of Moscow)."""
        raise NotImplementedError

    def later(self, patient: Patient, day: datetime.date) -> None:
        """Facts of days after `day` that must not matter to what was found up to it. Default: a visit much later."""
        make_visit(patient, at(day + 20 * DAY), created_at=at(day + 19 * DAY))

    def lead(self) -> datetime.timedelta:
        """How much earlier than the anchor the first step may fall due, in days: 7 for a step 7 days before."""
        return max(-self._make_steps()[0].offset, 0) * DAY if self.steps[0][1] == "day" else DAY

    # ---- the contract

    def test_of_an_empty_base_nothing_is_found(self) -> None:
        self.prepare()
        assert self.found(self.rule(), self.window()) == []

    def test_every_patient_with_an_occasion_is_found_once(self) -> None:
        rule, patients = self.story()
        rows = self.found(rule, self.window())
        assert sorted({row["patient_id"] for row in rows}) == sorted(patient.pk for patient in patients)
        assert len(rows) == self.each * len(patients)
        assert len({(row["patient_id"], row["occasion"]) for row in rows}) == len(rows)

    def test_the_columns_are_what_the_engine_stores(self) -> None:
        rule, _patients = self.story(n=2)
        for row in self.found(rule, self.window()):
            assert isinstance(row["occasion"], str) and 0 < len(row["occasion"]) <= 80
            assert row["anchor_at"].tzinfo and row["since"].tzinfo and row["first_due"].tzinfo
            assert row["first_due"] <= row["last_due"]
            assert row["zone"] == "Europe/Moscow"
            for name in ("service_id", "visit_id", "branch_id"):
                assert row[name] is None or isinstance(row[name], int)

    def test_windows_side_by_side_give_what_the_whole_gives_and_nothing_twice(self) -> None:
        rule, _patients = self.story()
        whole = self.window()
        all_at_once = self.found(rule, whole)
        for cut in (at(DAYS[2], 9, 59), at(DAYS[4], 10), at(DAYS[5], 23, 59), at(DAYS[6], 0), at(DAYS[7], 3)):
            parts = [*self.found(rule, Window(whole.after, cut)), *self.found(rule, Window(cut, whole.until))]
            assert self.names(parts) == self.names(all_at_once)

    def test_piece_by_piece_it_finds_what_was_asked_for_at_once(self) -> None:
        rule, _patients = self.story()
        whole = self.window()
        rows: list[Row] = []
        for begins, ends in itertools.pairwise([whole.after, *self.cuts()]):
            rows += self.found(rule, Window(begins, ends))
        assert self.names(rows) == self.names(self.found(rule, whole))

    def test_the_live_run_finds_what_the_back_test_finds(self) -> None:
        rule, _patients = self.story(on=self.window().after)
        asked = {(row["patient_id"], row["occasion"], row["first_due"]) for row in self.found(rule, self.window())}
        ChangedPatient.objects.all().delete()  # nothing has changed since: time alone brings them up
        for moment in self.cuts():
            looking.look(rule.pk, moment)
        noted = set(Firing.objects.filter(rule=rule).values_list("patient_id", "occasion", "first_due"))
        assert noted == asked
        assert asked

    def test_looking_twice_notes_nothing_twice(self) -> None:
        rule, patients = self.story(n=3, on=self.window().after)
        assert looking.look(rule.pk, self.window().until) == self.each * len(patients)
        assert looking.look(rule.pk, self.window().until, deep=True) == 0
        assert looking.look(rule.pk, self.window().until + DAY, deep=True) == 0

    def test_what_happened_later_changes_nothing_of_what_was_found(self) -> None:
        rule, patients = self.story()
        before = self.found(rule, self.window())
        for patient in patients:
            self.later(patient, self.window().until.date())
        assert self.names(self.found(rule, self.window())) == self.names(before)

    def test_asked_for_some_patients_it_gives_exactly_their_rows(self) -> None:
        rule, patients = self.story()
        some = [patient.pk for patient in patients[::3]]
        among = f"SELECT unnest(ARRAY{some}::bigint[])"
        every = self.found(rule, self.window())
        assert self.names(self.found(rule, self.window(), among)) == self.names(
            row for row in every if row["patient_id"] in some
        )
        assert self.found(rule, self.window(), "SELECT 0::bigint") == []

    def test_deleted_cards_are_left_out_and_merged_ones_stand_for_the_card_that_is_kept(self) -> None:
        rule, (gone, merged, kept) = self.story(n=3)
        stranger = make_patients(1)[0]
        Patient.objects.filter(pk=gone.pk).update(deleted_at=at(FIRST))
        Patient.objects.filter(pk=merged.pk).update(merged_into=stranger)
        assert {row["patient_id"] for row in self.found(rule, self.window())} <= {stranger.pk, kept.pk}
        merged_or_kept = f"SELECT unnest(ARRAY{[merged.pk, kept.pk]}::bigint[])"
        assert self.names(self.found(rule, self.window(), merged_or_kept)) == self.names(
            self.found(rule, self.window())
        )

    def test_steps_follow_the_clock_of_the_branch(self) -> None:
        rule, patients = self.story(n=2)
        far = make_branch("Владивосток", "Asia/Vladivostok")
        Patient.objects.filter(pk=patients[0].pk).update(branch=far)
        time = self.steps[0][2] or (datetime.time(10) if self.anchored_on_days() else None)
        for row in self.found(rule, self.window()):
            assert row["zone"] == ("Asia/Vladivostok" if row["branch_id"] == far.pk else "Europe/Moscow")
            if time:
                assert row["first_due"].astimezone(zoneinfo.ZoneInfo(row["zone"])).time() == time

    def test_the_query_stands_among_others(self) -> None:
        """Its parameters have names of their own, so that it can be part of a larger statement."""
        rule, _patients = self.story(n=1)
        kind = rule_types.of(self.code)
        span = finding.span(rule, kind, finding.steps_of(rule), self.window())
        query = kind.occasions(rule.params, span)
        assert all(name.startswith("o_") for name in query.params)

    def test_the_occasion_can_be_asked_for_again(self) -> None:
        """`withdrawn` is SQL over a firing; what was found a moment ago is still there."""
        rule, patients = self.story(n=2, on=self.window().after)
        looking.look(rule.pk, self.window().until)
        kind = rule_types.of(self.code)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*), count(*) FILTER (WHERE {kind.withdrawn(rule.params)}) "
                "FROM triggers_firing f WHERE f.rule_id = %(rule)s",
                {"rule": rule.pk, "now": self.window().until},
            )
            assert cursor.fetchone() == (self.each * len(patients), 0)

    def test_its_form_accepts_its_own_settings_and_every_field_is_explained(self) -> None:
        self.prepare()
        kind = rule_types.of(self.code)
        cleaned = kind.clean(self.settings())
        assert kind.clean(cleaned) == cleaned
        for field in kind.form_class().fields.values():
            assert field.label and field.help_text

    def test_it_says_what_it_does_in_both_languages(self) -> None:
        self.prepare()
        kind = rule_types.of(self.code)
        settings = kind.clean(self.settings())
        for language in ("ru", "en"):
            with override(language):
                for words in (kind.name, kind.description, kind.anchor_words, kind.sentence(settings)):
                    assert str(words).strip()
                assert "%(" not in kind.sentence(settings)
                assert isinstance(kind.needs(), str)

    def test_it_explains_itself_for_a_patient(self) -> None:
        rule, patients = self.story(n=1)
        clauses = rule_types.of(self.code).explain(rule.params, patients[0].pk, self.window().until)
        assert clauses and all(isinstance(clause, Clause) and clause.sentence for clause in clauses)
        nobody = rule_types.of(self.code).explain(rule.params, 0, self.window().until)
        assert all(isinstance(clause, Clause) for clause in nobody)

    def test_its_place_and_its_choices_are_known(self) -> None:
        kind = rule_types.of(self.code)
        assert kind.code == self.code and rule_types.TYPES[self.code] is kind
        assert kind.stage in STAGES and kind.anchored in ("day", "moment") and kind.icon.startswith("ti-")
        assert kind.purposes and set(kind.purposes) <= set(Purpose.values)
        assert kind.goals and set(kind.goals) <= set(Goal.values)

    # ---- helpers

    def story(
        self, n: int = 10, on: datetime.datetime | None = None
    ) -> tuple[TriggerRule, list[Patient]]:  # fmt: skip
        """n patients, one occasion each, a day after another; and the rule (off unless `on`)."""
        self.prepare()
        patients = make_patients(n)
        # As after a night: nobody knows of another branch than that of the occasion.
        Metrics.objects.filter(patient__in=patients).delete()
        for number, patient in enumerate(patients):
            self.occasion(patient, DAYS[number % len(DAYS)])
        return self.rule(on), patients

    def rule(self, on: datetime.datetime | None = None) -> TriggerRule:
        return make_rule(self.code, self._make_steps(), self.settings(), on=on, cooldown_days=0)

    def window(self) -> Window:
        """Whatever falls due first for anchors of DAYS."""
        return Window(at(FIRST) - self.lead() - 2 * DAY, at(DAYS[-1]) + 3 * DAY)

    def cuts(self) -> Iterator[datetime.datetime]:
        """Ends of stretches that make up the window: a part of a day, a day, more than a day; of all hours, also the
        very moment a message falls due (ten in the morning, after 22 and after 46 hours)."""
        whole = self.window()
        moment = whole.after
        for hours in itertools.cycle((8, 14, 24, 31)):
            moment = min(moment + datetime.timedelta(hours=hours), whole.until)
            yield moment
            if moment == whole.until:
                return

    def found(self, rule: TriggerRule, window: Window, among: str = "") -> list[Row]:
        query = finding.found(rule, window, among)
        with connection.cursor() as cursor:
            cursor.execute(query.sql, query.params)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def names(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        return sorted((row["patient_id"], row["occasion"], row["first_due"], row["last_due"]) for row in rows)

    def anchored_on_days(self) -> bool:
        return rule_types.of(self.code).anchored == "day"

    def _make_steps(self) -> list[TriggerStep]:
        return [make_step(offset, unit, at=time) for offset, unit, time in self.steps]

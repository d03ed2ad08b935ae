"""Moves between segments, and falling with money at stake."""

import datetime
import importlib
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.translation import override

from patients.models import Patient
from segmentation.models import Membership, Segment, Segmentation, SegmentTotal
from tests.campaigns.making import make_branch, make_patients
from tests.triggers.asking import explained, found, sentence, withdrawn
from tests.triggers.making import make_rule, make_step
from tests.triggers.plain import asked
from tests.triggers.type_contract import DAY, FIRST, TypeContract, at
from triggers import rule_types
from triggers.models import TriggerRule
from triggers.selectors import rules
from triggers.services import looking


def of_rfm(code: str) -> Segment:
    return Segment.objects.get(segmentation__code="rfm", code=code)


def own() -> Segment:
    """A segment of the clinic's own: whoever is not in it is nowhere."""
    segmentation = Segmentation.objects.create(code="own", kind="rule", name="Мужчины 40+", position=50)
    return Segment.objects.create(segmentation=segmentation, code="in", name="Мужчины 40+")


def enter(
    patient: Patient, segment: Segment, day: datetime.date, came_from: Segment | None = None, money: int | None = None,
    cause: dict[str, Any] | None = None,
) -> Membership:  # fmt: skip
    """The night of `day` moves a patient."""
    Membership.objects.filter(patient=patient, segmentation=segment.segmentation, left_on__isnull=True).update(
        left_on=day
    )
    return Membership.objects.create(
        patient=patient, segmentation=segment.segmentation, segment=segment, came_from=came_from, entered_on=day,
        money=money, cause=cause,
    )  # fmt: skip


def leave(patient: Patient, segment: Segment, day: datetime.date) -> None:
    Membership.objects.filter(patient=patient, segment=segment, left_on__isnull=True).update(left_on=day)


class TestWorse(TypeContract):
    code = "segment_move"

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        enter(patient, of_rfm("loyal"), day - 90 * DAY)
        enter(patient, of_rfm("at_risk"), day - DAY, of_rfm("loyal"))

    def later(self, patient: Patient, day: datetime.date) -> None:
        enter(patient, of_rfm("loyal"), day + DAY, of_rfm("at_risk"))


class TestEnteredAnOwnSegment(TypeContract):
    code = "segment_move"
    steps = ((3, "day", None), (5, "day", None))

    def prepare(self) -> None:
        self.segment = own()

    def settings(self) -> dict[str, Any]:
        return {
            "segmentation": self.segment.segmentation_id, "into": [self.segment.pk], "direction": "any"
        }  # fmt: skip

    def window(self) -> Any:
        window = super().window()
        return type(window)(window.after, window.until + 3 * DAY)

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        enter(patient, self.segment, day - DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        leave(patient, self.segment, day + DAY)


class TestLeftAnOwnSegment(TestEnteredAnOwnSegment):
    steps = ((0, "day", None),)

    def settings(self) -> dict[str, Any]:
        return {
            "segmentation": self.segment.segmentation_id, "out_of": [self.segment.pk], "direction": "any"
        }  # fmt: skip

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        enter(patient, self.segment, day - 90 * DAY)
        leave(patient, self.segment, day - DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        enter(patient, self.segment, day + DAY)


def fall(patient: Patient, day: datetime.date, was: int = 80_000, *, from_nowhere: bool = False) -> None:
    """The night of `day` finds that much less is expected of a patient, who has not paid anything for long."""
    steady, falling = Segment.objects.filter(segmentation__code="value_falling").order_by("-code")
    cause = {"reasons": ["silent"], "was": was, "expected": 12_000}
    if not from_nowhere:
        enter(patient, steady, day - 90 * DAY)
    enter(patient, falling, day, None if from_nowhere else steady, money=0, cause=cause)


class TestFalling(TypeContract):
    code = "falling"

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        fall(patient, day - DAY)

    def later(self, patient: Patient, day: datetime.date) -> None:
        steady = Segment.objects.get(segmentation__code="value_falling", code="steady")
        falling = Segment.objects.get(segmentation__code="value_falling", code="falling")
        enter(patient, steady, day + DAY, falling)


def rule(code: str = "segment_move", after: int = 0, **params: Any) -> TriggerRule:
    return make_rule(code, [make_step(after)], params, on=None)


def moved(start: str, end: str, money: int | None = None) -> Patient:
    (patient,) = make_patients(1)
    enter(patient, of_rfm(start), FIRST - 90 * DAY)
    enter(patient, of_rfm(end), FIRST, of_rfm(start), money)
    return patient


@pytest.mark.parametrize(
    ("start", "end", "direction"),
    [
        ("champions", "loyal", "worse"), ("loyal", "champions", "better"), ("new", "promising", "better"),
        ("at_risk", "lost", "worse"), ("lost", "new", "better"),
    ],
)  # fmt: skip
def test_better_and_worse_by_the_order_of_the_segments(db: None, start: str, end: str, direction: str) -> None:
    patient = moved(start, end)
    for asked_for in ("better", "worse"):
        assert len(found(rule(direction=asked_for))) == (asked_for == direction)
        assert explained(rule(direction=asked_for), patient.pk, at(FIRST + DAY)) == [asked_for == direction]


def test_from_and_to_are_chosen(db: None) -> None:
    patient = moved("loyal", "at_risk")
    risk, lost, loyal = of_rfm("at_risk").pk, of_rfm("lost").pk, of_rfm("loyal").pk
    for params, fits in (
        ({"into": [risk]}, True), ({"into": [risk, lost]}, True), ({"into": [lost]}, False),
        ({"out_of": [loyal]}, True), ({"out_of": [lost]}, False), ({"out_of": [loyal], "into": [risk]}, True),
        ({"out_of": [loyal], "into": [lost]}, False), ({"into": [risk], "direction": "better"}, False),
    ):  # fmt: skip
        one = rule(**{"direction": "any", **params})
        assert [row["patient_id"] for row in found(one)] == [patient.pk] * fits, params
        assert explained(one, patient.pk, at(FIRST + DAY)) == [fits], params


def test_between_the_unknown_and_the_known_there_is_no_better(db: None) -> None:
    satisfaction = Segmentation.objects.get(code="satisfaction")
    unknown, angry = (Segment.objects.get(segmentation=satisfaction, code=code) for code in ("unknown", "d"))
    (patient,) = make_patients(1)
    enter(patient, unknown, FIRST - 90 * DAY)
    enter(patient, angry, FIRST, unknown)
    for direction in ("better", "worse"):
        assert found(rule(segmentation=satisfaction.pk, direction=direction)) == []
    assert len(found(rule(segmentation=satisfaction.pk, direction="any", into=[angry.pk]))) == 1


def test_who_begins_does_not_fall(db: None) -> None:
    """Lead, new, active stand one after another in the list of the lifecycle, and none is worse than the others."""
    lifecycle = Segmentation.objects.get(code="lifecycle")
    codes = {segment.code: segment for segment in Segment.objects.filter(segmentation=lifecycle)}
    (patient,) = make_patients(1)
    enter(patient, codes["lead"], FIRST - 90 * DAY)
    for number, (start, end) in enumerate((("lead", "new"), ("new", "active"), ("active", "due"), ("due", "lost"))):
        enter(patient, codes[end], FIRST + number * 10 * DAY, codes[start])
    assert [row["occasion"].split(":")[0] for row in found(rule(segmentation=lifecycle.pk))] == [
        str(codes["due"].pk), str(codes["lost"].pk)
    ]  # fmt: skip


def test_the_morning_after_at_the_branch(db: None) -> None:
    patient = moved("loyal", "at_risk")
    far = make_branch("Владивосток", "Asia/Vladivostok")
    Patient.objects.filter(pk=patient.pk).update(branch=far)
    (row,) = found(rule())
    local = row["anchor_at"].astimezone(ZoneInfo("Asia/Vladivostok"))
    assert (local.date(), local.hour) == (FIRST + DAY, 0)
    assert row["since"] == row["anchor_at"]


def test_who_has_moved_on_by_then_is_not_written_to_unless_asked_for(db: None) -> None:
    patient = moved("loyal", "at_risk")
    enter(patient, of_rfm("champions"), FIRST + 3 * DAY, of_rfm("at_risk"))
    # The night of the third day runs on the fourth: a message of the fourth knows of it.
    assert [len(found(rule(after=days))) for days in (0, 2, 3, 9)] == [1, 1, 0, 0]
    assert [len(found(rule(after=days, stay=False))) for days in (0, 2, 3, 9)] == [1, 1, 1, 1]


def test_moving_on_and_a_night_that_is_run_again_take_it_back(db: None) -> None:
    patient = moved("loyal", "at_risk")
    live = make_rule("segment_move", [make_step(0)], on=at(FIRST))
    careless = make_rule("segment_move", [make_step(0)], {"stay": False}, on=at(FIRST))
    now = at(FIRST + 2 * DAY)
    for one in (live, careless):
        assert looking.look(one.pk, now) == 1
        assert not withdrawn(one, now)
    last = enter(patient, of_rfm("champions"), FIRST + 3 * DAY, of_rfm("at_risk"))
    assert withdrawn(live, now) and not withdrawn(careless, now)
    last.delete()
    Membership.objects.filter(patient=patient, entered_on=FIRST).update(segment=of_rfm("lost"))
    assert withdrawn(live, now) and withdrawn(careless, now)


def test_back_in_the_segment_whoever_left_it_has_not_left(db: None) -> None:
    segment = own()
    (patient,) = make_patients(1)
    enter(patient, segment, FIRST - 90 * DAY)
    leave(patient, segment, FIRST)
    params = {"segmentation": segment.segmentation_id, "out_of": [segment.pk], "direction": "any"}
    live = make_rule("segment_move", [make_step(0)], params, on=at(FIRST))
    assert looking.look(live.pk, at(FIRST + 2 * DAY)) == 1
    assert not withdrawn(live, at(FIRST + 2 * DAY))
    assert explained(live, patient.pk, at(FIRST + 2 * DAY)) == [True]
    enter(patient, segment, FIRST + 2 * DAY)
    assert withdrawn(live, at(FIRST + 3 * DAY))
    assert found(rule(after=2, **params)) == [] and len(found(rule(after=1, **params))) == 1


def test_the_first_night_of_a_segmentation_moves_nobody(db: None) -> None:
    segment = own()
    first, second = make_patients(2)
    SegmentTotal.objects.create(segment=segment, as_of=FIRST, patients=1)
    SegmentTotal.objects.create(segment=segment, as_of=FIRST + DAY, patients=2)
    enter(first, segment, FIRST)
    enter(second, segment, FIRST + DAY)
    one = rule(segmentation=segment.segmentation_id, into=[segment.pk], direction="any")
    assert [row["patient_id"] for row in found(one)] == [second.pk]


@pytest.mark.parametrize(
    ("start", "end", "money", "params", "fits"),
    [
        ("champions", "cant_lose", 30_000, {}, True), ("champions", "cant_lose", 29_999, {}, False),
        ("champions", "cant_lose", None, {}, False), ("champions", "loyal", 90_000, {}, False),
        ("champions", "loyal", 90_000, {"levels": 1}, True), ("cant_lose", "champions", 90_000, {}, False),
        ("champions", "lost", None, {"least_money": 0}, True),
        ("champions", "lost", 90_000, {"into": "at_risk"}, False),
        ("champions", "at_risk", 90_000, {"into": "at_risk"}, True),
    ],
)  # fmt: skip
def test_a_move_down_may_need_levels_and_money(
    db: None, start: str, end: str, money: int | None, params: dict[str, Any], fits: bool
) -> None:
    moved(start, end, money)
    if "into" in params:
        params = {"into": [of_rfm(params["into"]).pk]}
    assert len(found(rule(**{"levels": 2, "least_money": 30_000, **params}))) == fits


@pytest.mark.parametrize("from_nowhere", [False, True])
@pytest.mark.parametrize(("was", "least", "fits"), [(30_000, 30_000, 1), (29_999, 30_000, 0), (1, 0, 1)])
def test_at_stake_is_what_was_brought_before_the_fall(
    db: None, was: int, least: int, fits: int, from_nowhere: bool
) -> None:
    (patient,) = make_patients(1)
    fall(patient, FIRST, was, from_nowhere=from_nowhere)
    one = rule("falling", least_money=least)
    assert len(found(one)) == fits
    with override("en"):
        told = rule_types.of("falling").explain(one.params, patient.pk, at(FIRST + DAY))
        assert any("12\u202f000" in clause.sentence for clause in told)
        assert all(clause.holds for clause in told) == bool(fits)


def test_rules_that_named_a_segmentation_keep_their_meaning(db: None) -> None:
    """The old settings of "falling", mapped by the migration, find the same as they did."""
    old = {"segmentation": of_rfm("loyal").segmentation_id, "into": [], "levels": 2, "least_money": 30_000}
    one = rule("falling", least_money=0)
    TriggerRule.objects.filter(pk=one.pk).update(params={**old, "stay": True})
    migration = importlib.import_module("triggers.migrations.0005_falling_value")
    migration.keep_what_they_mean(apps, None)
    one.refresh_from_db()
    assert one.rule_type == "segment_move" and rule_types.of("segment_move").clean(one.params) == one.params
    moved("champions", "cant_lose", 30_000)
    moved("champions", "loyal", 90_000)
    assert len(found(one)) == 1


def test_sentences_say_what_was_chosen(db: None) -> None:
    with override("en"):
        assert sentence(rule()) == "In RFM the patient moves, to a worse segment."
        one = rule(into=[of_rfm("at_risk").pk], out_of=[of_rfm("loyal").pk], direction="any", least_money=5000)
        assert sentence(one) == (
            "In RFM the patient moves from “Loyal” to “At risk”, "
            "and has paid 5\u202f000\u00a0₽ or more in the year before."
        )
        assert "by at least 2 segments" in sentence(rule(levels=2))
        assert "30\u202f000" in sentence(rule("falling"))


@pytest.mark.parametrize("params", [{"direction": "any"}, {"segmentation": None}, {"segmentation": 0}, {"into": [0]}])
def test_settings_that_mean_everybody_or_nobody_are_refused(db: None, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rule_types.of("segment_move").clean(params)


def test_segments_of_another_segmentation_are_refused(db: None) -> None:
    vip = Segment.objects.get(segmentation__code="value", code="vip")
    with pytest.raises(ValidationError) as refused:
        rule_types.of("segment_move").clean({"into": [vip.pk]})
    assert set(refused.value.message_dict) == {"into"}


@pytest.mark.parametrize("seed", [7, 8])
def test_a_base_made_by_chance_is_read_the_same_way_in_python(db: None, seed: int) -> None:
    chance = random.Random(seed)
    segments = list(Segment.objects.filter(segmentation__code="rfm"))
    position = {segment.pk: segment.position for segment in segments}
    for patient in make_patients(15):
        day, here = FIRST + chance.randrange(5) * DAY, chance.choice(segments)
        enter(patient, here, day)
        for _ in range(chance.randrange(5)):
            day += chance.randrange(1, 6) * DAY
            there = chance.choice([segment for segment in segments if segment != here])
            enter(patient, there, day, here, chance.choice((None, 10_000, 60_000)))
            here = there
        if chance.random() < 0.3:
            leave(patient, here, day + 2 * DAY)
    first, last, lead = FIRST + 3 * DAY, FIRST + 15 * DAY, 2
    some = [segment.pk for segment in chance.sample(segments, 3)]
    for params in ({}, {"stay": False}, {"into": some, "direction": "any"}, {"out_of": some, "direction": "any"}):
        rows = asked("segment_move", params, first, last, lead)
        assert {(who, anchor) for who, _occasion, anchor in rows} == _by_hand(params, first, last, lead, position)
        assert rows


def _by_hand(
    params: dict[str, Any], first: datetime.date, last: datetime.date, lead: int, position: dict[int, int]
) -> set[tuple[int, datetime.date]]:
    into, out_of = params.get("into", []), params.get("out_of", [])
    worse, stay = params.get("direction", "worse") == "worse", params.get("stay", True)
    rows = list(Membership.objects.all())
    result = set()
    for row in rows:
        anchor = row.entered_on + DAY
        fits = not into or row.segment_id in into
        if row.came_from_id is None:
            fits = fits and bool(into) and not out_of and not worse
        else:
            fits = fits and (not out_of or row.came_from_id in out_of)
            fits = fits and (not worse or position[row.segment_id] > position[row.came_from_id])
        there = not stay or row.left_on is None or row.left_on >= anchor + lead * DAY
        if fits and there and first <= anchor <= last:
            result.add((row.patient_id, anchor))
    for row in rows if out_of and not into and not worse else ():
        if row.left_on is None or row.segment_id not in out_of or not first <= row.left_on + DAY <= last:
            continue
        if not any(other.patient_id == row.patient_id and other.entered_on == row.left_on for other in rows):
            result.add((row.patient_id, row.left_on + DAY))
    return result


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("segmentation", "into", "direction", "stage"),
    [
        ("lifecycle", ["overdue"], "any", "lapse"),
        ("value", ["vip"], "any", "after"),
        ("rfm", [], "worse", "lapse"),
        ("rfm", [], "better", "after"),
        ("lifecycle", ["active", "overdue"], "any", "return"),
    ],
)
def test_a_rule_stands_on_the_path_where_its_move_leads(
    segmentation: str, into: list[str], direction: str, stage: str
) -> None:
    kind = Segmentation.objects.get(code=segmentation)
    chosen = [segment.pk for segment in Segment.objects.filter(segmentation=kind, code__in=into)]
    assert len(chosen) == len(into)
    params = {"segmentation": kind.pk, "into": chosen, "direction": direction}
    rule = make_rule("segment_move", params=params, on=None)
    assert rules.stage_of(rule) == stage
    asked_for = rules.shown(rules.RuleFilter(stage=stage))
    assert rule in asked_for

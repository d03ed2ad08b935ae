"""Clusters in the night: a planted clinic, searched by the worker's code, lived through."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone, translation

from patients.models import Patient, Payment, ServiceGroup, Visit
from segmentation.kinds import KINDS
from segmentation.kinds.features import register_responses, responses
from segmentation.models import ClusterFit, Membership, NightlyRun, Segment, Segmentation, SegmentTotal
from segmentation.reports.cluster_errors import refusal
from segmentation.selectors import clusters as reading
from segmentation.selectors import overview
from segmentation.selectors.directory import segment_options
from segmentation.services import memberships, own
from segmentation.services.clusters import features, requesting, searching
from segmentation.services.clusters.requesting import Persona, Wish
from tests.segmentation.clinic import Clinic, noon
from tests.segmentation.nights import DAY, D, everything, night, segment, story

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)
# Age and bill of three kinds of patients, and how many there are.
PLANTED = ((25, 1_500, 21), (45, 6_000, 25), (68, 25_000, 17))
THREE = Wish(features=("age", "average_bill"), method="kmeans", k=3)


def plant(clinic: Clinic, *, first: int = 0) -> list[list[Patient]]:
    """Three kinds of women, each with one paid visit."""
    rng = np.random.default_rng(7 + first)
    day = FIRST - 20 * DAY
    planted = []
    for age, bill, count in PLANTED:
        kind = Patient.objects.bulk_create(
            Patient(
                source=clinic.source, external_id=f"planted-{first}-{age}-{number}", sex="female",
                birth_date=FIRST - dt.timedelta(days=int(365.25 * (age + rng.normal(0, 1.5)))),
            )
            for number in range(count)
        )  # fmt: skip
        named = [{"source": clinic.source, "external_id": one.external_id, "patient": one} for one in kind]
        Visit.objects.bulk_create(
            Visit(**one, starts_at=noon(day), starts_on=day, status="completed") for one in named
        )  # fmt: skip
        Payment.objects.bulk_create(
            Payment(**one, paid_at=noon(day), paid_on=day, amount=int(bill * rng.uniform(0.85, 1.15))) for one in named
        )  # fmt: skip
        planted.append(kind)
    return planted


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def search(segmentation: Segmentation) -> ClusterFit:
    fit = requesting.request(segmentation)
    assert searching.run(fit.pk, timezone.now())
    fit.refresh_from_db()
    return fit


def found(wish: Wish = THREE, code: str = "cl-aaaaaa") -> tuple[Segmentation, ClusterFit]:
    assert requesting.problems(code, wish) == {}
    segmentation = requesting.create(code, "Кто есть кто", "Who is who", wish)
    return segmentation, search(segmentation)


def where(kinds: list[list[Patient]], code: str = "cl-aaaaaa") -> list[set[str | None]]:
    held = Membership.objects.filter(segmentation__code=code, left_on=None)
    inside = dict(held.values_list("patient", "segment__code"))
    return [{inside.get(patient.pk) for patient in kind} for kind in kinds]


def test_what_was_planted_is_found_and_the_patients_are_there_at_once(clinic: Clinic) -> None:
    kinds = plant(clinic)
    never_came = clinic.patient()
    night(FIRST)
    segmentation, fit = found()
    assert (fit.state, fit.outcome, fit.k, fit.patients, fit.as_of) == ("done", "found", 3, 63, FIRST)
    assert (fit.progress, fit.stage, fit.error) == (100, "", "")
    # The largest is the first, and nobody is in a cluster of others.
    assert where(kinds) == [{"c2"}, {"c1"}, {"c3"}]
    assert segment(never_came, "cl-aaaaaa") is None
    totals = SegmentTotal.objects.filter(as_of=FIRST, segment__segmentation=segmentation).order_by("segment__position")
    assert list(totals.values_list("segment__code", "patients")) == [("c1", 25), ("c2", 21), ("c3", 17)]
    assert len({segment.colour for segment in segmentation.segments.all()}) == 3
    assert {code for _x, _y, code in fit.points} == {"c1", "c2", "c3"}
    (shown,) = reading.clusterings()
    assert (shown.fit, shown.last, shown.base, shown.changed_since) == (fit, fit, None, False)
    assert [part.segment.code for part in reading.parts(shown, FIRST)] == ["c1", "c2", "c3"]
    examples = reading.examples(segmentation.segments.all(), 4)
    assert all(len(patients) == 4 for patients in examples.values())


def test_the_same_night_again_ends_in_the_same_rows_and_so_does_a_night_after_a_search(clinic: Clinic) -> None:
    plant(clinic)
    night(FIRST)
    found()
    placed = everything()
    night(FIRST)
    assert everything() == placed
    night(FIRST + DAY)
    after = everything()
    night(FIRST + DAY)
    assert everything() == after
    # Nothing has happened: nobody has moved.
    assert Membership.objects.filter(segmentation__code="cl-aaaaaa").count() == 63


def test_a_patient_moves_when_they_change_and_the_move_says_why(clinic: Clinic) -> None:
    young, _middle, _old = plant(clinic)
    night(FIRST)
    found()
    clinic.payment(young[0], FIRST + DAY, 400_000)
    Patient.objects.filter(pk=young[0].pk).update(birth_date=FIRST - 67 * 365 * DAY)
    clinic.visit(young[0], FIRST + DAY)
    night(FIRST + DAY)
    first, second = story(young[0], "cl-aaaaaa")
    assert first[:4] == ("c2", None, FIRST, FIRST + DAY)
    assert second[:3] == ("c3", "c2", FIRST + DAY)
    assert {code for code, _direction in second[4]["features"]} == {"age", "average_bill"}
    with translation.override("en"):
        words = KINDS["clusters"].reason(second[4])
    assert sorted(words.split(", ")) == ["age: more", "average bill: more"]
    assert Membership.objects.filter(segmentation__code="cl-aaaaaa", came_from__isnull=False).count() == 1


def test_a_second_search_keeps_codes_colours_and_texts(clinic: Clinic) -> None:
    kinds = plant(clinic)
    night(FIRST)
    segmentation, before = found()
    c3 = segmentation.segments.get(code="c3")
    requesting.save_persona(c3, Persona("Старшие", "Older", problem="болит", offer="чекап"))
    looks = dict(segmentation.segments.values_list("code", "colour"))
    more = plant(clinic, first=1)  # everybody twice, in other numbers
    for extra in more[2]:
        clinic.visit(extra, FIRST)
    night(FIRST + DAY)
    after = search(segmentation)
    assert after.pk != before.pk and after.matching["before"] == before.pk and after.matching["notices"] == []
    assert where(kinds) == [{"c2"}, {"c1"}, {"c3"}] == where(more)
    assert dict(segmentation.segments.values_list("code", "colour")) == looks
    c3.refresh_from_db()
    assert (c3.name, c3.name_en, c3.problem, c3.offer) == ("Старшие", "Older", "болит", "чекап")


def test_a_cluster_that_is_gone_is_offered_no_more_and_keeps_its_history(clinic: Clinic) -> None:
    kinds = plant(clinic)
    night(FIRST)
    segmentation, _fit = found()
    requesting.edit(segmentation, "Двое", "", Wish(features=("age", "average_bill"), method="kmeans", k=2))
    assert reading.clusterings()[0].changed_since
    night(FIRST + DAY)
    search(segmentation)
    kept = set(segmentation.segments.filter(active=True).values_list("code", flat=True))
    gone = {"c1", "c2", "c3"} - kept
    assert len(kept) == 2 and gone
    assert {code for kind in where(kinds) for code in kind} == kept
    offered = {code for code, _name in segment_options("")} | {
        f"cl-aaaaaa:{part.segment.code}" for part in overview.divisions(FIRST + DAY, None, "cl-aaaaaa")[0].parts
    }
    assert not {f"cl-aaaaaa:{code}" for code in gone} & offered
    moved = Membership.objects.filter(segmentation=segmentation, came_from__code__in=gone)
    assert moved and all(one.cause == {"reasons": ["searched_again"]} for one in moved)
    assert Membership.objects.filter(segment__code__in=gone, left_on=FIRST + DAY).exists()
    placed = everything()
    night(FIRST + DAY)
    assert everything() == placed


def test_a_search_that_finds_nothing_leaves_the_former_clusters_in_force(clinic: Clinic) -> None:
    kinds = plant(clinic)
    night(FIRST)
    segmentation, before = found()
    fit = ClusterFit.objects.create(
        segmentation=segmentation, state="done", outcome="none", as_of=FIRST, asked=THREE.as_params()
    )
    shown = reading.clustering("cl-aaaaaa")
    assert shown and shown.nothing_found and (shown.fit, shown.last) == (before, fit)
    night(FIRST + DAY)
    assert where(kinds) == [{"c2"}, {"c1"}, {"c3"}]


def test_only_members_of_the_base_are_in_clusters_and_an_archived_base_moves_nobody(clinic: Clinic) -> None:
    kinds = plant(clinic)
    outsider = kinds[0][0]
    Patient.objects.filter(pk=outsider.pk).update(sex="male")
    women = {"attribute": "sex", "is": "in", "value": ["female"]}
    base = own.save_rule("own-aaaaaa", own.Look("Женщины"), women)
    night(FIRST)
    segmentation, fit = found(Wish("own-aaaaaa:members", ("age", "average_bill"), "kmeans", 3))
    assert (fit.patients, segment(outsider, "cl-aaaaaa")) == (62, None)
    # Who leaves the base on the same night leaves the cluster; who enters it enters one.
    Patient.objects.filter(pk=kinds[1][0].pk).update(sex="male")
    Patient.objects.filter(pk=outsider.pk).update(sex="female")
    night(FIRST + DAY)
    assert (segment(kinds[1][0], "cl-aaaaaa"), segment(outsider, "cl-aaaaaa")) == (None, "c2")
    own.archive(base)
    night(FIRST + 2 * DAY)
    shown = reading.clustering("cl-aaaaaa")
    assert shown and shown.base_archived
    assert segment(outsider, "cl-aaaaaa") == "c2" and segment(kinds[1][0], "cl-aaaaaa") is None
    with pytest.raises(requesting.NotPossibleError):
        requesting.request(segmentation)


def test_a_base_archived_on_the_day_of_the_search_leaves_everybody_where_they_are(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = plant(clinic)
    night(FIRST)
    everybody = [patient.pk for kind in kinds for patient in kind]
    base = own.save_list("own-aaaaaa", own.Look("Список"), everybody, replace=True)
    assert own.settle(base)
    segmentation, _fit = found(Wish(base="own-aaaaaa:members", features=THREE.features, method="kmeans", k=3))
    placed = where(kinds)
    read = searching._load

    def archived_meanwhile(fit: ClusterFit) -> searching.Data:
        data = read(fit)
        own.archive(base)
        return data

    fit = requesting.request(segmentation)
    monkeypatch.setattr(searching, "_load", archived_meanwhile)
    assert searching.run(fit.pk, timezone.now())
    fit.refresh_from_db()
    assert (fit.state, fit.error) == ("failed", "base_gone")
    for day in (FIRST, FIRST + DAY):
        night(day)
        assert where(kinds) == placed


def test_own_segments_made_of_clusters_come_after_them_and_rings_are_refused(clinic: Clinic) -> None:
    plant(clinic)
    night(FIRST)
    segmentation, _fit = found()
    where_c3 = {"attribute": "segment", "is": "in", "value": ["cl-aaaaaa:c3"]}
    own.save_rule("own-bbbbbb", own.Look("Из кластера"), where_c3)
    night(FIRST + DAY)
    assert Membership.objects.filter(segmentation__code="own-bbbbbb", left_on=None).count() == 17
    assert "base" in requesting.problems("cl-aaaaaa", Wish("own-bbbbbb:members"))
    with pytest.raises(own.InUseError):
        requesting.archive(segmentation)
    own.archive(Segmentation.objects.get(code="own-bbbbbb"))
    requesting.archive(segmentation)
    assert not reading.clusterings() and not Membership.objects.filter(segmentation=segmentation, left_on=None).exists()
    segmentation.refresh_from_db()
    requesting.restore(segmentation)
    assert Membership.objects.filter(segmentation=segmentation, left_on=None).count() == 63


def test_rewound_nights_know_nothing_of_later_searches(clinic: Clinic) -> None:
    kinds = plant(clinic)
    night(FIRST)
    night(FIRST + DAY)
    found()
    placed = everything()["memberships"]
    night(FIRST, allow_rewind=True)
    assert where(kinds) == [{None}] * 3
    shown = reading.clustering("cl-aaaaaa")
    assert shown and shown.fit is None and shown.last is not None
    night(FIRST + DAY)
    assert everything()["memberships"] == placed


def test_asked_twice_it_is_one_search(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(clinic)
    night(FIRST)
    segmentation = requesting.create("cl-aaaaaa", "Кто", "", THREE)
    assert requesting.create("cl-aaaaaa", "Кто", "", THREE).pk == segmentation.pk
    sent: list[int] = []
    monkeypatch.setattr(requesting, "_send", sent.append)
    fit = requesting.request(segmentation)
    assert requesting.request(segmentation).pk == fit.pk
    assert ClusterFit.objects.count() == 1


def test_a_search_whose_worker_died_is_taken_up_again(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(clinic)
    night(FIRST)
    segmentation = requesting.create("cl-aaaaaa", "Кто", "", THREE)
    fit = requesting.request(segmentation)

    class Killed(BaseException):
        pass

    def die(*_args: Any, **_how: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(searching, "settle", die)
        searching.run(fit.pk, timezone.now())
    fit.refresh_from_db()
    # Nothing half-done is left behind.
    assert (fit.state, Segment.objects.filter(segmentation=segmentation).count()) == ("running", 0)
    now = fit.heartbeat_at
    assert now and not requesting.pick_up(now + requesting.LOST)
    assert requesting.pick_up(now + requesting.LOST + DAY) == 1
    assert searching.run(fit.pk, timezone.now())
    fit.refresh_from_db()
    assert (fit.state, fit.k) == ("done", 3)
    assert not searching.run(fit.pk, timezone.now())


def test_two_workers_are_never_at_one_search(clinic: Clinic) -> None:
    plant(clinic)
    night(FIRST)
    fit = requesting.request(requesting.create("cl-aaaaaa", "Кто", "", THREE))
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [searching.LOCK, fit.pk])
    assert not searching.run(fit.pk, timezone.now())
    other.close()  # as the server does for a process that died
    fit.refresh_from_db()
    assert fit.state == "waiting"


@pytest.mark.django_db(transaction=True)
def test_a_search_that_waits_for_a_night_does_not_hold_it_up(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night refers to the clustering whose members it writes; the search waits for it with the clustering in hand."""
    kinds = plant(clinic)
    night(FIRST)
    segmentation, _fit = found()
    fit = requesting.request(segmentation)
    other = connection.copy()
    other.cursor().execute(f"BEGIN; LOCK TABLE {memberships.MEMBERSHIPS} IN SHARE ROW EXCLUSIVE MODE")
    other.cursor().execute(
        "INSERT INTO segmentation_membership (patient_id, segmentation_id, segment_id, entered_on, left_on) "
        "SELECT patient_id, segmentation_id, segment_id, entered_on - 2, entered_on - 1 FROM segmentation_membership "
        "WHERE segmentation_id = %s LIMIT 1",
        [segmentation.pk],
    )
    ended: list[bool] = []
    alone = searching.last_night_alone

    def after_the_night() -> dt.date:
        if not ended:  # it ends while the search has the clustering in hand
            other.cursor().execute("SET LOCAL lock_timeout = '2s'; SET CONSTRAINTS ALL IMMEDIATE; COMMIT")
            ended.append(True)
        return alone()

    monkeypatch.setattr(searching, "last_night_alone", after_the_night)
    assert searching.run(fit.pk, timezone.now())
    other.close()
    fit.refresh_from_db()
    assert ended and (fit.state, fit.error) == ("done", "")
    assert all(len(one) == 1 for one in where(kinds))


def test_bad_choices_are_answered_in_words(clinic: Clinic) -> None:
    segmentation = requesting.create("cl-aaaaaa", "Кто", "", THREE)
    with pytest.raises(requesting.NotPossibleError):
        requesting.request(segmentation)  # no night yet
    kinds = plant(clinic)
    for patient in kinds[0][:12]:
        Patient.objects.filter(pk=patient.pk).update(sex="male")
    men = {"attribute": "sex", "is": "in", "value": ["male"]}
    own.save_rule("own-aaaaaa", own.Look("Мужчины"), men)
    nobody = {"attribute": "visit", "is": "any", "count": {"at_least": 50}}
    own.save_rule("own-bbbbbb", own.Look("Никто"), nobody)
    night(FIRST)
    answers = {}
    for number, wish in enumerate((
        Wish("own-aaaaaa:members", ("age", "average_bill")), Wish("own-bbbbbb:members", ("age",)),
        Wish("", ("age", "visits_365")), Wish("", ("age", "own_interval_days")), Wish("", ("mix",)),
    )):  # fmt: skip
        segmentation, fit = found(wish, f"cl-bbbbb{number}")
        with translation.override("en"):
            answers[fit.error] = refusal(fit)
        assert fit.state == "failed" and not segmentation.segments.exists()
    assert set(answers) == {"too_few", "base_empty", "constant_feature", "all_missing", "no_features"}
    assert "Only 12 patients" in answers["too_few"]
    assert "visits in a year" in answers["constant_feature"] and "days between visits" in answers["all_missing"]
    assert "features" in requesting.problems("cl-cccccc", Wish("", ()))
    assert "features" in requesting.problems("cl-cccccc", Wish("", ("shoe_size",)))
    assert "k" in requesting.problems("cl-cccccc", Wish("", ("age",), k=1))
    assert "base" in requesting.problems("cl-cccccc", Wish("rfm:heroes", ("age",)))


def test_features_are_those_of_the_facts(clinic: Clinic) -> None:
    beauty, teeth = (ServiceGroup.objects.create(name=name) for name in ("Косметология", "Стоматология"))
    peel, filling = clinic.service("Пилинг", 30), clinic.service("Пломба")
    for service, group in ((peel, beauty), (filling, teeth)):
        service.group = group
        service.save()
    saturday = D(2026, 2, 14)
    anna = clinic.patient(sex="female", birth_date=FIRST - 3653 * DAY)
    clinic.visit(anna, saturday, [(peel, 3000)], hour=10)
    clinic.visit(anna, saturday + 2 * DAY, [(filling, 1000)], hour=13)
    clinic.payment(anna, saturday, 4000)
    boris = clinic.patient(sex="male")
    clinic.visit(boris, saturday, [(filling, 5000, 1000)], hour=18)
    # A visit noted on a card that was merged since is a visit of the card that was kept.
    double = clinic.patient(merged_into=boris)
    clinic.visit(double, saturday - 10 * DAY, [(filling, 5000)], hour=16)
    clinic.visit(clinic.patient(), FIRST + 5 * DAY, status="booked")  # has not come yet
    night(FIRST)
    before = responses()
    register_responses(lambda as_of: ("SELECT %(who)s::bigint AS patient_id, 4 AS sent, 3 AS clicked, 1 AS booked",
                                      {"who": anna.pk}))  # fmt: skip
    try:
        columns = features.columns_for(features.Base(), ["hour", "mix", "clicked_share"])
        assert set(columns) == {"hour", f"mix:{beauty.pk}", "clicked_share"}  # everybody has had a filling
        wanted = [
            "age", "female", "hour", "weekend_share", "since_days", "cycles_since", f"mix:{beauty.pk}",
            f"mix:{teeth.pk}", "clicked_share", "booked_share", "discount_share",
        ]  # fmt: skip
        frame = features.load(features.Base(), wanted, FIRST)
    finally:
        register_responses(before) if before else None
    assert frame["patient"].tolist() == [anna.pk, boris.pk]
    nan = float("nan")
    of_anna, of_boris = frame[wanted].to_numpy().tolist()
    expected_anna = [3653 / 365.25, 1, 11.5, 0.5, 13, 13 / 30, 0.75, 0.25, 0.75, 0.25, 0]
    assert of_anna == pytest.approx(expected_anna, rel=1e-6, nan_ok=True)
    assert of_boris == pytest.approx(
        [nan, 0, 17, 0.5, 15, of_boris[5], 0, 1, nan, nan, 0.1], rel=1e-6, nan_ok=True
    )  # fmt: skip
    assert Visit.objects.count() == 5 and NightlyRun.objects.count() == 1

"""Packages: what is posted, which visits use them up, what is left."""

import datetime as dt
import itertools
import random

import pytest
from django.db import connection

from patients.models import IngestBatch, Package, Patient, Rejected, Service, Slot
from patients.selectors.packages import packages_of, sessions_sql
from patients.services.replay import replay
from tests.patients.ingesting import Mis, counts, take

pytestmark = pytest.mark.django_db
FIRST = dt.date(2026, 1, 1)


def day(n: int) -> str:
    return (FIRST + dt.timedelta(days=n)).isoformat()


def package(external_id: str = "k1", **fields: object) -> dict:
    return {
        "external_id": external_id, "patient": "p1", "service": "s1", "sessions": 3, "bought_on": day(0), **fields,
    }  # fmt: skip


def coming(external_id: str, on: int, service: str = "s1", **fields: object) -> dict:
    return {
        "external_id": external_id, "patient": "p1", "starts_at": f"{day(on)}T12:00:00+03:00", "status": "completed",
        "items": [{"service": service, "price": 100}], **fields,
    }  # fmt: skip


@pytest.fixture
def mis():
    return Mis()


def left(on: int, patient: str = "p1") -> list[tuple]:
    found = packages_of(Patient.objects.get(external_id=patient).pk, FIRST + dt.timedelta(days=on))
    return [(standing.package.external_id, standing.left, standing.over) for standing in found]


def test_a_package_goes_in_by_put_and_bulk_and_is_withdrawn_by_delete(mis):
    item = {"patient": "p1", "service": "s1", "name": "Курс", "sessions": 5, "bought_on": day(0), "expires_on": day(90)}
    assert mis.put("packages", "k1", item).status_code == 201
    assert mis.put("packages", "k1", item).json()["result"] == "unchanged"
    assert counts(mis.bulk("packages", {"external_id": "k1", **item, "sessions": 6})) == (0, 1, 0, 0)
    kept = Package.objects.get()
    assert (kept.patient.external_id, kept.service.external_id, kept.sessions) == ("p1", "s1", 6)
    assert kept.patient.stub and kept.service.stub  # named before they were described
    assert (kept.bought_on, kept.expires_on) == (FIRST, FIRST + dt.timedelta(days=90))
    assert mis.delete("packages", "k1").status_code == 204
    assert mis.delete("packages", "k1").status_code == 204
    assert mis.delete("packages", "never").status_code == 404
    assert left(10) == []
    assert mis.put("packages", "k1", item).json()["result"] == "updated"
    assert left(10) == [("k1", 5, False)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sessions": 0}, "sessions"),
        ({"sessions": None}, "sessions"),
        ({"sessions": "пять"}, "sessions"),
        ({"sessions": 10_001}, "sessions"),
        ({"bought_on": None}, "bought_on"),
        ({"bought_on": "01.03.2026"}, "bought_on"),
        ({"expires_on": "2025-12-31"}, "expires_on"),
        ({"patient": ""}, "patient"),
        ({"used": 2}, "used"),
    ],
)
def test_a_wrong_package_is_kept_aside_with_its_field(mis, wrong, field):
    report = mis.bulk("packages", package() | wrong, package("good"))
    assert counts(report) == (1, 0, 0, 1)
    assert list(report["rejected"][0]["errors"]) == [field]
    assert Rejected.objects.get().batch.resource == "packages"
    assert IngestBatch.objects.get().rejected == 1


def test_a_package_without_what_it_needs_names_every_field(mis):
    report = mis.bulk("packages", {"external_id": "k1"})
    assert set(report["rejected"][0]["errors"]) == {"patient", "sessions", "bought_on"}


def test_completed_visits_with_the_service_use_it_up(mis):
    take(mis.source, "packages", package())
    take(
        mis.source, "visits", coming("before", -1), coming("v1", 0), coming("v2", 10),
        coming("other", 12, service="s2"), coming("missed", 14, status="no_show"), coming("v3", 20), coming("v4", 30),
    )  # fmt: skip
    assert left(0) == [("k1", 2, False)]
    assert left(15) == [("k1", 1, False)]
    assert left(20) == left(40) == [("k1", 0, True)]


def test_a_visit_with_the_service_in_two_lines_uses_one_session(mis):
    take(mis.source, "packages", package())
    twice = coming("v1", 1, items=[{"service": "s1", "price": 100}, {"service": "s1", "price": 50, "quantity": 2}])
    take(mis.source, "visits", twice)
    assert left(5) == [("k1", 2, False)]


def test_the_oldest_package_is_used_up_first(mis):
    take(mis.source, "packages", package("k1", sessions=2), package("k2", sessions=2, bought_on=day(5)))
    take(mis.source, "visits", *(coming(f"v{n}", 10 * n) for n in range(1, 4)))
    assert left(10) == [("k2", 2, False), ("k1", 1, False)]
    assert left(30) == [("k2", 1, False), ("k1", 0, True)]


def test_visits_beyond_what_was_bought_take_nothing_from_the_next_package(mis):
    take(mis.source, "packages", package("k1", sessions=1), package("k2", sessions=2, bought_on=day(50)))
    take(mis.source, "visits", *(coming(f"v{n}", n) for n in (1, 10, 20, 60)))
    assert left(60) == [("k2", 1, False), ("k1", 0, True)]


def test_an_expired_package_leaves_the_next_one_whole(mis):
    take(mis.source, "packages", package("k1", expires_on=day(30)), package("k2", bought_on=day(40)))
    take(mis.source, "visits", *(coming(f"v{n}", n) for n in (1, 35, 45)))
    assert left(36) == [("k1", 2, True)]
    assert left(45) == [("k2", 2, False), ("k1", 2, True)]


def test_the_last_day_is_still_of_use(mis):
    take(mis.source, "packages", package(expires_on=day(30)))
    take(mis.source, "visits", coming("v1", 30), coming("v2", 31))
    assert left(30) == [("k1", 2, False)]
    assert left(31) == [("k1", 2, True)]


def test_a_package_without_a_service_says_that_its_sessions_are_not_counted(mis):
    take(mis.source, "packages", package(service=None))
    take(mis.source, "visits", coming("v1", 1))
    assert left(5) == [("k1", None, False)]


def test_packages_and_visits_of_a_merged_card_are_those_of_the_kept_one(mis):
    take(mis.source, "patients", {"external_id": "p1"}, {"external_id": "p2"})
    take(mis.source, "packages", package())
    take(mis.source, "visits", coming("v1", 1), coming("v2", 2, patient="p2"))
    kept = Patient.objects.get(external_id="p2")
    Patient.objects.filter(external_id="p1").update(merged_into=kept)
    assert left(5, "p2") == [("k1", 1, False)]
    # What is posted for the merged card from now on is written to the kept one.
    take(mis.source, "packages", package("k2", bought_on=day(3)))
    assert Package.objects.get(external_id="k2").patient == kept


def test_used_sessions_are_those_of_a_plain_reading_visit_by_visit(mis):
    """A hundred patients with packages bought and used at random; asked of some, the answer is that among all."""
    dice = random.Random(7)
    numbers = itertools.count()
    packages, visits = [], []
    for patient in range(100):
        own = {"patient": f"p{patient}"}
        for _ in range(dice.randint(1, 4)):
            bought = dice.randint(0, 200)
            packages.append(package(f"k{next(numbers)}", **own, sessions=dice.randint(1, 5), bought_on=day(bought)))
        visits += [coming(f"v{next(numbers)}", dice.randint(0, 250), **own) for _ in range(dice.randint(0, 15))]
    take(mis.source, "packages", *packages)
    take(mis.source, "visits", *visits)
    expected = sorted(used_by_hand(packages, visits))
    assert len(expected) > 300
    everybody = sessions(sessions_sql())
    assert everybody == expected
    some = sessions(sessions_sql("SELECT id FROM patients_patient WHERE external_id IN ('p3', 'p50')"))
    assert some == [row for row in expected if row[0] in {"p3", "p50"}]


def used_by_hand(packages: list[dict], visits: list[dict]) -> list[tuple]:
    """Each visit takes a session of the oldest package that has one: (patient, package, visit's day, nth)."""
    keys = dict(Package.objects.values_list("external_id", "pk"))
    rows = []
    for patient in {item["patient"] for item in packages}:
        own = sorted((p["bought_on"], keys[p["external_id"]], p) for p in packages if p["patient"] == patient)
        used = {pk: 0 for _bought, pk, _item in own}
        for when in sorted(v["starts_at"][:10] for v in visits if v["patient"] == patient):
            for bought, pk, item in own:
                if bought <= when and used[pk] < item["sessions"]:
                    used[pk] += 1
                    rows.append((patient, item["external_id"], when, used[pk], item["sessions"] - used[pk]))
                    break
    return rows


def sessions(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT p.external_id, k.external_id, u.day::text, u.nth, u.left_over FROM ({sql}) u
            JOIN patients_package k ON k.id = u.package_id JOIN patients_patient p ON p.id = u.patient_id"""
        )
        return sorted(cursor.fetchall())


def test_a_service_of_packages_cannot_be_deleted_under_them(mis):
    take(mis.source, "packages", package())
    with pytest.raises(Exception, match="protected"):
        Service.objects.get().delete()


def test_a_refused_package_is_replayed_after_what_it_refers_to_and_never_over_a_newer_one(mis):
    wrong = package(sessions=0)
    mis.bulk("packages", wrong)
    mis.bulk("slots", {"external_id": "t", "branch": "b", "day": day(0), "free": 5, "total": 4})
    for refused in Rejected.objects.order_by("pk"):
        refused.payload = refused.payload | ({"sessions": 2} if "sessions" in refused.payload else {"total": 9})
        refused.save()
    assert replay(Rejected.objects.values_list("pk", flat=True)).taken == 2
    assert Package.objects.get().sessions == 2 and Slot.objects.get().total == 9
    mis.bulk("packages", wrong)
    mis.bulk("packages", package(sessions=4))  # settles the refused one by itself
    assert not Rejected.objects.filter(resolution="open").exists()
    assert replay(Rejected.objects.values_list("pk", flat=True)).looked_at == 0
    assert Package.objects.get().sessions == 4

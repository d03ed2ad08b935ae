"""Every resource: new, the same again, changed, older; bad ones aside; stubs; deletion and return."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from patients.models import Branch, Doctor, Feedback, IngestBatch, Patient, Payment, Rejected, Service, Visit
from patients.services.ingest import delete
from tests.patients.ingesting import Mis, counts, take, visit

pytestmark = pytest.mark.django_db
OLD, MID, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"


@pytest.fixture
def source():
    return Mis().source


ITEMS = [
    ("branches", {"external_id": "x", "name": "A", "city": "Москва"}, {"name": "B"}, Branch),
    ("doctors", {"external_id": "x", "name": "A", "branch": "b"}, {"branch": "c"}, Doctor),
    ("services", {"external_id": "x", "name": "A", "group": "G", "price": 10.5}, {"group": "H"}, Service),
    ("patients", {"external_id": "x", "last_name": "А", "channel": "С", "guardian": "m"}, {"guardian": None}, Patient),
    ("visits", visit("x"), {"status": "cancelled"}, Visit),
    ("payments", {"external_id": "x", "patient": "p", "paid_at": OLD, "amount": 5}, {"amount": "5.01"}, Payment),
    ("feedback", {"external_id": "x", "patient": "p", "given_at": OLD, "score": 9}, {"complaint": True}, Feedback),
]


@pytest.mark.parametrize(("resource", "item", "change", "model"), ITEMS, ids=[row[0] for row in ITEMS])
def test_an_item_is_created_then_unchanged_then_updated_and_an_older_one_is_ignored(
    source, resource, item, change, model
):
    def row():
        return model.objects.filter(source=source, external_id="x").values().get()

    assert counts(take(source, resource, {**item, "updated_at": MID})) == (1, 0, 0, 0)
    before = row()
    assert counts(take(source, resource, {**item, "updated_at": MID})) == (0, 0, 1, 0)
    assert row() == before
    assert counts(take(source, resource, {**item, **change, "updated_at": OLD})) == (0, 0, 1, 0)
    assert row() == before
    assert counts(take(source, resource, {**item, **change, "updated_at": NEW})) == (0, 1, 0, 0)
    assert row() != before
    assert counts(take(source, resource, {**item, "updated_at": MID})) == (0, 0, 1, 0)
    assert counts(take(source, resource, item)) == (0, 1, 0, 0), "without a time of change the arrival counts"
    assert counts(take(source, resource, item)) == (0, 0, 1, 0)


def test_the_same_state_said_later_outdates_what_lies_between(source):
    take(source, "branches", {"external_id": "x", "name": "A", "updated_at": OLD})
    assert counts(take(source, "branches", {"external_id": "x", "name": "A", "updated_at": NEW})) == (0, 0, 1, 0)
    assert counts(take(source, "branches", {"external_id": "x", "name": "B", "updated_at": MID})) == (0, 0, 1, 0)
    assert Branch.objects.get(external_id="x").name == "A"


def test_a_visit_is_stored_with_its_totals_items_and_stubs(source):
    take(source, "visits", visit())
    stored = Visit.objects.get()
    assert (stored.amount, stored.discount, stored.cost) == (Decimal("2400.50"), Decimal("100.00"), Decimal("300.00"))
    assert stored.starts_at == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    assert stored.items.count() == 2
    line = stored.items.get(service__external_id="s1")
    assert (line.quantity, line.price, line.discount, line.cost) == (2, 1000, 100, 300)
    for model, external_id in ((Branch, "b1"), (Doctor, "d1"), (Patient, "p1"), (Service, "s2")):
        assert model.objects.get(external_id=external_id).stub


def test_a_description_fills_the_stub(source):
    take(source, "visits", visit())
    before = Patient.objects.get().pk
    assert counts(take(source, "patients", {"external_id": "p1", "last_name": "Ким", "updated_at": OLD})) == (
        0,
        1,
        0,
        0,
    )
    patient = Patient.objects.get()
    assert (patient.pk, patient.stub, patient.last_name) == (before, False, "Ким")


def test_only_changed_items_are_rewritten(source):
    take(source, "visits", visit())
    ids = set(Visit.objects.get().items.values_list("id", flat=True))
    changed = visit(status="no_show", items=list(reversed(visit()["items"])))
    assert counts(take(source, "visits", changed)) == (0, 1, 0, 0)
    assert set(Visit.objects.get().items.values_list("id", flat=True)) == ids
    take(source, "visits", visit(items=[{"service": "s3", "price": 7}]))
    stored = Visit.objects.get()
    assert [item.service.external_id for item in stored.items.all()] == ["s3"]
    assert stored.amount == 7
    take(source, "visits", visit(items=[]))
    assert Visit.objects.get().amount == 0
    assert not Visit.objects.get().items.exists()


def test_sums_are_exact_and_rounded_half_up_once(source):
    lines = [{"service": "s", "quantity": 0.1, "price": 0.05}, {"service": "s", "quantity": "1.5", "price": "333.33"}]
    take(source, "visits", visit(items=lines), visit("v2", items=[{"service": "s", "price": 10.005, "cost": 1.115}]))
    assert Visit.objects.get(external_id="v1").amount == Decimal("500.00")  # 0.005 + 499.995
    second = Visit.objects.get(external_id="v2")
    assert (second.amount, second.cost) == (Decimal("10.01"), Decimal("1.12"))
    assert second.items.get().price == Decimal("10.01")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"service": "s", "price": 100, "discount": 100.01}, "items.1.discount"),
        ({"service": "s", "price": 9_999_999_999, "quantity": 2}, "items.1.price"),
        ({"service": "s", "price": -1}, "items.1.price"),
        ({"service": "s", "quantity": 0}, "items.1.quantity"),
        ({"service": "s", "price": True}, "items.1.price"),
        ({"service": "", "price": 1}, "items.1.service"),
        ({"price": 1}, "items.1.service"),
        ({"service": "s", "prise": 1}, "items.1.prise"),
    ],
)
def test_a_bad_line_is_named_by_its_path_and_the_good_visit_goes_in(source, item, field):
    report = take(source, "visits", visit("bad", items=[{"service": "s"}, item]), visit("good"))
    assert counts(report) == (1, 0, 0, 1)
    assert (report.rejected[0].index, report.rejected[0].external_id) == (0, "bad")
    assert list(report.rejected[0].errors) == [field]
    assert Visit.objects.get().external_id == "good"


def test_a_sum_over_many_lines_that_does_not_fit_is_refused(source):
    report = take(source, "visits", visit(items=[{"service": "s", "price": 9_000_000_000}] * 2))
    assert list(report.rejected[0].errors) == ["items"]


BAD = [
    ("visits", visit(starts_at="1899-12-31T00:00:00Z"), "starts_at"),
    ("visits", visit(starts_at="2026-02-30T00:00:00Z"), "starts_at"),
    ("visits", visit(starts_at="2026-02-03T00:00:00+23:00"), "starts_at"),
    ("visits", visit(starts_at=1700000000), "starts_at"),
    ("visits", visit(starts_at="1700000000"), "starts_at"),
    ("visits", visit(status="done"), "status"),
    ("visits", visit(patient="p\x00"), "patient"),
    ("visits", visit(patient="p" * 65), "patient"),
    ("visits", visit(external_id=None), "external_id"),
    ("visits", visit(items={}), "items"),
    ("visits", visit(items=[{"service": "s"}] * 201), "items"),
    ("visits", visit(updated_at="2099-01-01T00:00:00Z"), "updated_at"),
    ("visits", visit(doktor="d1"), "doktor"),
    ("visits", 5, "item"),
    ("visits", None, "item"),
    ("visits", [], "item"),
    ("branches", {"external_id": "b", "name": "B", "timezone": "Mars/Base"}, "timezone"),
    ("branches", {"external_id": "b", "name": " "}, "name"),
    ("services", {"external_id": "s", "name": "S", "min_age": 40, "max_age": 30}, "min_age"),
    ("services", {"external_id": "s", "name": "S", "recall_days": 1.5}, "recall_days"),
    ("services", {"external_id": "s", "name": "S", "sensitive": "yes"}, "sensitive"),
    ("patients", {"external_id": "p", "birth_date": "2200-01-01"}, "birth_date"),
    ("patients", {"external_id": "p", "sex": "m"}, "sex"),
    ("patients", {"external_id": "p", "guardian": "p"}, "guardian"),
    ("patients", {"external_id": "p", "referred_by": "p"}, "referred_by"),
    ("payments", {"external_id": "y", "patient": "p", "paid_at": OLD, "amount": 1e12}, "amount"),
    ("payments", {"external_id": "y", "patient": "p", "paid_at": OLD, "amount": "NaN"}, "amount"),
    ("payments", {"external_id": "y", "patient": "p", "paid_at": OLD, "amount": 1, "visit": "?"}, "visit"),
    ("feedback", {"external_id": "f", "patient": "p", "given_at": OLD, "score": 11}, "score"),
    ("feedback", {"external_id": "f", "patient": "p", "given_at": OLD, "visit": "?"}, "visit"),
    ("consents", {"patient": "p", "channel": "fax", "purpose": "service", "granted": True, "at": OLD}, "channel"),
]


@pytest.mark.parametrize(("resource", "item", "field"), BAD)
def test_a_bad_item_is_rejected_by_the_name_of_its_field_and_kept_as_posted(source, resource, item, field):
    report = take(source, resource, item)
    assert counts(report) == (0, 0, 0, 1)
    assert list(report.rejected[0].errors) == [field]
    kept = Rejected.objects.get()
    assert kept.errors == report.rejected[0].errors
    if "\\x00" not in repr(item):
        assert kept.payload == item
    assert kept.batch.rejected == 1


def test_a_negative_payment_is_told_of_refunds(source):
    report = take(source, "payments", {"external_id": "y", "patient": "p", "paid_at": OLD, "amount": -5})
    assert "refund" in report.rejected[0].errors["amount"][0]


def test_the_same_bad_item_every_night_is_kept_once_and_settled_when_it_goes_in(source):
    take(source, "visits", visit(status="done"))
    take(source, "visits", visit(status="done"))
    kept = Rejected.objects.get()
    assert kept.batch == IngestBatch.objects.latest("id")
    take(source, "visits", visit())
    kept.refresh_from_db()
    assert kept.resolution == "replayed"


def test_a_phone_nobody_can_call_does_not_lose_the_patient(source):
    report = take(
        source,
        "patients",
        {"external_id": "a", "phone": "8 (916) 123-45-67", "email": "Anna@Example.COM"},
        {"external_id": "b", "phone": "12", "email": "no at sign"},
        {"external_id": "c", "phone": "+49 30 901820"},
    )
    assert counts(report) == (3, 0, 0, 0)
    assert list(report.warnings[0].errors) == ["phone", "email"]
    assert Rejected.objects.get().payload["phone"] == "12"
    patients = {p.external_id: (p.phone, p.email) for p in Patient.objects.all()}
    assert patients == {"a": ("+79161234567", "Anna@example.com"), "b": ("", ""), "c": ("+4930901820", "")}


def test_of_the_same_id_twice_in_a_request_the_newest_stays_then_the_last(source):
    report = take(
        source,
        "branches",
        {"external_id": "x", "name": "newest", "updated_at": NEW},
        {"external_id": "x", "name": "older", "updated_at": OLD},
        {"external_id": "y", "name": "first"},
        {"external_id": "y", "name": "last"},
    )
    assert counts(report) == (2, 0, 2, 0)
    assert dict(Branch.objects.values_list("external_id", "name")) == {"x": "newest", "y": "last"}


def test_guardians_in_one_request_are_new_and_circles_are_refused(source):
    report = take(
        source, "patients", {"external_id": "child", "guardian": "mother"}, {"external_id": "mother", "last_name": "М"}
    )
    assert counts(report) == (2, 0, 0, 0)
    assert Patient.objects.get(external_id="child").guardian.external_id == "mother"
    report = take(source, "patients", {"external_id": "mother", "last_name": "М", "guardian": "child"})
    assert list(report.rejected[0].errors) == ["guardian"]
    report = take(source, "patients", {"external_id": "1", "guardian": "2"}, {"external_id": "2", "guardian": "1"})
    assert counts(report) == (0, 0, 0, 2)


def test_sources_do_not_see_each_others_identifiers(source):
    other = Mis("other").source
    take(source, "visits", visit())
    take(other, "visits", visit())
    assert Visit.objects.count() == Patient.objects.count() == 2


@pytest.mark.parametrize("resource", ["visits", "payments", "patients"])
def test_a_deleted_row_comes_back_by_a_newer_word_only(source, resource):
    item, model = {row[0]: (row[1], row[3]) for row in ITEMS}[resource]
    assert not delete(source, resource, "x")
    take(source, resource, {**item, "updated_at": OLD})
    assert delete(source, resource, "x")
    gone = model.objects.get(external_id="x")
    assert gone.deleted_at
    assert delete(source, resource, "x")
    assert model.objects.get(external_id="x").deleted_at == gone.deleted_at
    assert counts(take(source, resource, {**item, "updated_at": OLD})) == (0, 0, 1, 0)
    assert model.objects.get(external_id="x").deleted_at
    assert counts(take(source, resource, item)) == (0, 1, 0, 0)
    assert model.objects.get(external_id="x").deleted_at is None


def test_put_and_delete_by_rest():
    mis = Mis()
    item = {name: value for name, value in visit().items() if name != "external_id"}
    assert mis.delete("visits", "v1").status_code == 404
    first, again = mis.put("visits", "v1", item), mis.put("visits", "v1", item)
    assert (first.status_code, first.json()["result"]) == (201, "created")
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")
    assert not IngestBatch.objects.exists()
    assert mis.put("visits", "v1", {**item, "external_id": "v2"}).json()["errors"].keys() == {"external_id"}
    bad = mis.put("visits", "v1", {**item, "status": "x"})
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["status"])
    assert Rejected.objects.get().external_id == "v1"
    assert [mis.delete("visits", "v1").status_code for _ in range(2)] == [204, 204]
    assert mis.delete("visits", "v%00").status_code == 404
    assert mis.put("visits", "кабинет 5", item).status_code == 201


def test_a_batch_counts_what_became_of_its_items():
    mis = Mis()
    report = mis.bulk("visits", visit("v1"), visit("v2"), visit("v3", status="?"), 7)
    assert counts(report) == (2, 0, 0, 2)
    batch = IngestBatch.objects.get()
    assert (batch.received, batch.created, batch.updated, batch.unchanged, batch.rejected) == (4, 2, 0, 0, 2)
    assert (batch.state, batch.origin) == ("done", "api")
    assert sorted(batch.rejections.values_list("row", flat=True)) == [2, 3]


def test_the_day_of_a_visit_is_the_branchs_and_follows_its_time_zone(source):
    take(source, "branches", {"external_id": "b1", "name": "Новосибирск", "timezone": "Asia/Novosibirsk"})
    take(
        source,
        "visits",
        visit("local", starts_at="2026-03-01T00:30:00"),
        visit("moscow", starts_at="2026-03-01T22:30:00+03:00"),
        visit("utc", starts_at="2026-03-01T17:30:00Z"),
        visit("compact", starts_at="2026-03-01 17:30+0000"),
    )
    take(source, "payments", {"external_id": "y", "patient": "p1", "visit": "utc", "paid_at": "2026-03-01T17:30:00Z",
                              "amount": 1})  # fmt: skip
    days = dict(Visit.objects.values_list("external_id", "starts_on"))
    march = {name: day.day for name, day in days.items()}
    assert march == {"local": 1, "moscow": 2, "utc": 2, "compact": 2}
    assert Visit.objects.get(external_id="local").starts_at == datetime(2026, 2, 28, 17, 30, tzinfo=UTC)
    assert Payment.objects.get().paid_on == date(2026, 3, 2)
    take(source, "branches", {"external_id": "b1", "name": "Новосибирск", "timezone": "Europe/Moscow"})
    assert Visit.objects.get(external_id="utc").starts_on == date(2026, 3, 1)
    assert Visit.objects.get(external_id="local").starts_on == date(2026, 2, 28)
    assert Payment.objects.get().paid_on == date(2026, 3, 1)


def test_a_time_without_offset_is_read_anew_when_the_visit_comes_again_after_its_branch(source):
    local = visit(starts_at="2026-03-01T10:30:00")
    take(source, "visits", local)
    assert Visit.objects.get().starts_at == datetime(2026, 3, 1, 7, 30, tzinfo=UTC), "the clinic's own zone"
    take(source, "branches", {"external_id": "b1", "name": "Новосибирск", "timezone": "Asia/Novosibirsk"})
    assert counts(take(source, "visits", local)) == (0, 1, 0, 0)
    assert Visit.objects.get().starts_at == datetime(2026, 3, 1, 3, 30, tzinfo=UTC)


def test_a_visit_that_went_back_to_an_earlier_state_is_no_repetition(source):
    for status, expected in (("booked", (1, 0, 0, 0)), ("cancelled", (0, 1, 0, 0)), ("booked", (0, 1, 0, 0))):
        assert counts(take(source, "visits", visit(status=status))) == expected
    report = take(source, "visits", visit(status="cancelled"), visit(status="booked"))
    assert counts(report) == (0, 0, 2, 0)
    assert Visit.objects.get().status == "booked"


def test_among_known_visits_the_bad_one_is_named_by_its_own_index(source):
    take(source, "visits", visit("v1"), visit("v2"))
    report = take(source, "visits", visit("v1"), visit("v3", status="?"), visit("v2"), visit("v4"))
    assert counts(report) == (1, 0, 2, 1)
    assert (report.rejected[0].index, report.rejected[0].external_id) == (1, "v3")
    assert Rejected.objects.get().payload["external_id"] == "v3"


def test_the_hour_that_summer_time_skips_or_repeats_is_taken(source):
    take(source, "branches", {"external_id": "b1", "name": "Берлин", "timezone": "Europe/Berlin"})
    report = take(
        source,
        "visits",
        visit("skipped", starts_at="2026-03-29T02:30:00"),
        visit("repeated", starts_at="2026-10-25T02:30:00"),
        visit("midnight", starts_at="2026-03-28T23:30:00Z"),
    )
    assert report.created == 3
    assert Visit.objects.get(external_id="skipped").starts_on == date(2026, 3, 29)
    assert Visit.objects.get(external_id="repeated").starts_on == date(2026, 10, 25)
    assert Visit.objects.get(external_id="midnight").starts_on == date(2026, 3, 29)


def test_a_payment_waits_for_its_visit_among_the_rejected(source):
    payment = {"external_id": "y", "patient": "p1", "visit": "v1", "paid_at": OLD, "amount": 10}
    assert counts(take(source, "payments", payment)) == (0, 0, 0, 1)
    take(source, "visits", visit())
    assert counts(take(source, "payments", payment)) == (1, 0, 0, 0)
    assert Payment.objects.get().visit == Visit.objects.get()
    assert Rejected.objects.get().resolution == "replayed"


def test_facts_of_a_merged_card_go_to_the_one_that_was_kept(source):
    take(source, "patients", {"external_id": "kept"}, {"external_id": "p1"})
    kept = Patient.objects.get(external_id="kept")
    Patient.objects.filter(external_id="p1").update(merged_into=kept)
    take(source, "visits", visit())
    assert Visit.objects.get().patient == kept

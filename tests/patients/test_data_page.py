"""The data page: who is refused, what is shown, what the buttons do."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from clinic_crm.celery import app
from patients.files import uploads
from patients.models import Branch, IngestBatch, Integration, Patient, Rejected, Visit
from patients.selectors import data_quality as quality
from patients.services.ingest import ingest
from patients.services.replay import dismiss, replay

pytestmark = pytest.mark.django_db

PAGES = ["/data/", "/data/rejected/", "/data/not-described/", "/data/doubles/", "/data/doubtful/"]
POSTS = ["/data/rejected/replay/", "/data/rejected/1/replay/", "/data/rejected/1/dismiss/", "/data/import/"]
BAD_VISIT = {"external_id": "v1", "patient": "p1", "starts_at": "никогда", "status": "completed"}


@pytest.fixture
def source() -> Integration:
    return Integration.objects.create(code="mis", name="МИС")


@pytest.fixture(autouse=True)
def work_at_once() -> Iterator[None]:
    app.conf.task_always_eager, app.conf.task_eager_propagates = True, True
    yield
    app.conf.task_always_eager, app.conf.task_eager_propagates = False, False


def login(client: Client, *codenames: str) -> Client:
    user = User.objects.create_user(f"reader{User.objects.count()}")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="patients", codename__in=codenames))
    client.force_login(user)
    return client


@pytest.fixture
def reader(client: Client) -> Client:
    return login(client, "view_ingestbatch", "view_patient")


@pytest.fixture
def doctor(client: Client) -> Client:
    """Everything an administrator has on this page."""
    return login(client, "view_ingestbatch", "add_ingestbatch", "change_rejected", "view_contacts", "view_patient")


@pytest.mark.parametrize("path", PAGES + POSTS)
def test_strangers_and_readers_without_permission_are_refused(client: Client, path: str) -> None:
    ask = client.post if path in POSTS else client.get
    assert ask(path).status_code == 302
    login(client, "view_patient")
    assert ask(path).status_code == 403


@pytest.mark.parametrize("path", POSTS)
def test_reading_is_not_deciding(reader: Client, path: str) -> None:
    assert reader.post(path).status_code == 403


@pytest.mark.parametrize("path", POSTS[:-1])
def test_decisions_are_posted(doctor: Client, path: str) -> None:
    assert doctor.get(path).status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_empty_page_explains_itself(reader: Client, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code == 200
    assert "empty-state" in answer.content.decode()


def test_batches_show_counts_and_a_running_one_its_progress(reader: Client, source: Integration) -> None:
    ingest(source, "branches", [{"external_id": "b1", "name": "На Тверской"}])
    IngestBatch.objects.create(
        source=source, resource="visits", origin="file", file_name="visits.csv", expected=200, received=50
    )
    html = reader.get("/data/").content.decode()
    assert 'aria-valuenow="25"' in html
    assert 'hx-trigger="every 2s"' in html
    assert "visits.csv" in html
    part = reader.get("/data/", headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith('<div id="batches"') and "<html" not in part


def test_finished_batches_are_not_asked_for_again(reader: Client, source: Integration) -> None:
    ingest(source, "branches", [{"external_id": "b1", "name": "На Тверской"}])
    assert 'hx-trigger="every' not in reader.get("/data/").content.decode()


def test_batches_are_paged_by_key(
    reader: Client, source: Integration, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    IngestBatch.objects.bulk_create(
        IngestBatch(source=source, resource="visits", origin="api", state="done", received=n) for n in range(120)
    )
    seen: list[int] = []
    url = "/data/"
    while url:
        with django_assert_max_num_queries(14):
            answer = reader.get(url)
        seen += [row["batch"].pk for row in answer.context["rows"]]
        url = answer.context["next_url"]
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("query", ["from=abc", "from=99999999999999999999999", "source=x&resource=y", "from=%00"])
def test_nonsense_in_the_address_shows_the_first_page(reader: Client, query: str) -> None:
    for path in PAGES:
        assert reader.get(f"{path}?{query}").status_code == 200


def test_payload_is_for_those_who_may_see_contacts(client: Client, source: Integration) -> None:
    ingest(source, "patients", [{"external_id": "p1", "last_name": "Тайнова", "sex": "жен"}])
    assert "Тайнова" not in login(client, "view_ingestbatch").get("/data/rejected/").content.decode()
    html = login(client, "view_ingestbatch", "view_contacts").get("/data/rejected/").content.decode()
    assert "Тайнова" in html
    assert "<code>sex</code>" in html


def test_rejected_are_filtered_by_source_resource_and_decision(reader: Client, source: Integration) -> None:
    ingest(source, "visits", [BAD_VISIT])
    ingest(source, "patients", [{"external_id": "p7", "sex": "жен"}])
    dismiss([Rejected.objects.get(external_id="p7").pk])

    def shown(query: str) -> list[str]:
        rows = reader.get(f"/data/rejected/?{query}").context["rows"]
        return [row["item"].external_id for row in rows]

    assert shown("") == ["v1"]
    assert shown("resource=patients") == []
    assert shown("resolution=dismissed") == ["p7"]
    assert shown(f"source={source.pk}&resource=visits") == ["v1"]


def test_replayed_item_is_taken_once_its_cause_is_gone(doctor: Client, source: Integration) -> None:
    payment = {"external_id": "m1", "patient": "p1", "visit": "v9", "paid_at": "2026-02-03T10:00:00", "amount": 5}
    ingest(source, "payments", [payment])
    item = Rejected.objects.get()
    doctor.post(f"/data/rejected/{item.pk}/replay/")
    item.refresh_from_db()
    assert (item.resolution, list(item.errors)) == ("open", ["visit"])
    ingest(source, "visits", [BAD_VISIT | {"external_id": "v9", "starts_at": "2026-02-03T10:00:00"}])
    doctor.post(f"/data/rejected/{item.pk}/replay/")
    item.refresh_from_db()
    assert item.resolution == "replayed"
    assert item.resolved_at is not None
    assert Rejected.objects.count() == 1
    assert IngestBatch.objects.filter(origin="replay").exists()


def test_still_bad_item_gets_its_new_errors_and_no_double(source: Integration) -> None:
    ingest(source, "visits", [BAD_VISIT])
    item = Rejected.objects.get()
    Rejected.objects.update(errors={"patient": ["an older reason"]})
    assert replay([item.pk]).still_bad == 1
    item.refresh_from_db()
    assert list(item.errors) == ["starts_at"]
    assert Rejected.objects.count() == 1


def test_old_payload_never_undoes_a_newer_word_of_the_source(source: Integration) -> None:
    ingest(source, "branches", [{"external_id": "b1", "name": "Новое имя"}])
    batch = IngestBatch.objects.get()
    item = Rejected.objects.create(
        batch=batch, row=0, external_id="b1", payload={"external_id": "b1", "name": "Старое"}, errors={"name": ["?"]}
    )
    Rejected.objects.update(created_at=timezone.now() - dt.timedelta(days=1))
    assert replay([item.pk]).overtaken == 1
    item.refresh_from_db()
    assert item.resolution == "dismissed"
    assert Branch.objects.get().name == "Новое имя"


def test_replay_of_a_filter_takes_references_first_and_only_the_filter(doctor: Client, source: Integration) -> None:
    other = Integration.objects.create(code="site")
    for owner in (source, other):
        batch = IngestBatch.objects.create(source=owner, resource="branches", origin="api", state="done")
        for n in range(3):
            Rejected.objects.create(
                batch=batch, row=n, external_id=f"b{n}", payload={"external_id": f"b{n}", "name": "Филиал"}, errors={}
            )
    doctor.post("/data/rejected/replay/", {"source": str(source.pk), "resource": "branches"})
    assert Branch.objects.filter(source=source).count() == 3
    assert not Branch.objects.filter(source=other).exists()
    assert Rejected.objects.filter(resolution="open").count() == 3


def test_dismissed_item_stays_readable_and_is_dismissed_once(doctor: Client, source: Integration) -> None:
    ingest(source, "visits", [BAD_VISIT])
    item = Rejected.objects.get()
    doctor.post(f"/data/rejected/{item.pk}/dismiss/")
    first = Rejected.objects.get().resolved_at
    doctor.post(f"/data/rejected/{item.pk}/dismiss/")
    assert Rejected.objects.get().resolved_at == first
    assert replay([item.pk]).looked_at == 0
    assert doctor.post("/data/rejected/999999/replay/").status_code == 404


def test_stubs_are_counted_by_kind_and_listed(reader: Client, source: Integration) -> None:
    ingest(source, "visits", [BAD_VISIT | {"starts_at": "2026-02-03T10:00:00", "branch": "b9", "doctor": "d9"}])
    answer = reader.get("/data/not-described/?kind=patients")
    assert {one["code"]: one["count"].value for one in answer.context["kinds"]} == {
        "branches": 1, "doctors": 1, "services": 0, "patients": 1,
    }  # fmt: skip
    assert [row.external_id for row in answer.context["page"].rows] == ["p1"]
    ingest(source, "patients", [{"external_id": "p1", "last_name": "Иванова"}])
    assert not reader.get("/data/not-described/?kind=patients").context["page"].rows


def test_large_counts_stop(source: Integration) -> None:
    batch = IngestBatch.objects.create(source=source, resource="visits", origin="api", state="done")
    Rejected.objects.bulk_create(Rejected(batch=batch, row=n, payload={}, errors={}) for n in range(1001))
    assert str(quality.bounded_count(Rejected.objects.all())) == "1000+"
    Rejected.objects.filter(row=0).delete()
    assert str(quality.bounded_count(Rejected.objects.all())) == "1000"


def person(source: Integration, external_id: str, **fields: Any) -> Patient:
    return Patient.objects.create(source=source, external_id=external_id, **fields)


def pairs(page: quality.Page[quality.Double]) -> list[tuple[str, str]]:
    return [(pair.one.external_id, pair.other.external_id) for pair in page.rows]


def test_doubles_share_a_phone_and_a_birth_date_or_a_name(source: Integration) -> None:
    phone = "+79161234567"
    born = dt.date(1986, 4, 12)
    mother = {"last_name": "Иванова", "first_name": "Анна", "phone": phone}
    person(source, "anna", **mother, birth_date=born)
    person(source, "anna-again", **mother)
    person(source, "child", last_name="Иванова", first_name="Мария", phone=phone, birth_date=dt.date(2015, 1, 1))
    person(source, "twin-1", first_name="Пётр", phone="+79160000001", birth_date=born)
    person(source, "twin-2", first_name="Павел", phone="+79160000001", birth_date=born)
    person(source, "daughter", **mother, birth_date=dt.date(2010, 1, 1), deleted_at=timezone.now())
    person(source, "other-phone", last_name="Иванова", first_name="Анна", phone="+79169999999", birth_date=born)
    person(source, "no-phone-1", last_name="Иванова", first_name="Анна", birth_date=born)
    person(source, "no-phone-2", last_name="Иванова", first_name="Анна", birth_date=born)
    assert pairs(quality.doubles()) == [("anna", "anna-again")]


def test_namesakes_on_one_phone_with_different_birth_dates_are_no_doubles(source: Integration) -> None:
    for born in (dt.date(1960, 1, 1), dt.date(1990, 1, 1)):
        person(source, f"{born}", last_name="Ким", first_name="Анна", phone="+79161234567", birth_date=born)
    assert pairs(quality.doubles()) == []


def test_doubles_are_paged_without_loss_and_without_a_phone_in_the_address(source: Integration) -> None:
    for n in range(7):
        for card in range(3 if n == 3 else 2):
            person(source, f"{n}-{card}", last_name="Ли", first_name="Ян", phone=f"+7916123450{n}")
    seen: list[tuple[str, str]] = []
    key: int | None = None
    while True:
        page = quality.doubles(key, size=2)
        seen += pairs(page)
        if not page.next_key:
            break
        assert re.fullmatch(r"\d{1,6}", page.next_key)
        key = int(page.next_key)
    assert len(seen) == len(set(seen)) == 6 + 3


def test_doubtful_records_of_every_kind_are_found(source: Integration) -> None:
    today = dt.date(2026, 11, 22)
    person(source, "unborn", birth_date=dt.date(2031, 1, 1))
    person(source, "old", birth_date=dt.date(1900, 1, 1))
    fine = person(source, "fine", birth_date=dt.date(1990, 1, 1))
    early = person(source, "early", birth_date=dt.date(2026, 5, 1))

    def visit(patient: Patient, day: dt.date, **fields: Any) -> None:
        Visit.objects.create(
            source=source, external_id=f"{patient}{day}", patient=patient, status=fields.pop("status", "completed"),
            starts_on=day, starts_at=dt.datetime.combine(day, dt.time(9), dt.UTC), **fields,
        )  # fmt: skip

    visit(early, dt.date(2025, 1, 1))
    visit(fine, dt.date(2025, 1, 1))
    visit(fine, dt.date(2027, 1, 1))
    visit(fine, dt.date(2027, 1, 2), status="booked")
    visit(fine, dt.date(2026, 1, 2), amount=-5)
    found = {
        doubt.code: [p.external_id for p in doubt.patients] or [f"{v.starts_on}" for v in doubt.visits]
        for doubt in quality.doubts(today)
    }
    assert found == {
        "born_in_future": ["unborn"],
        "too_old": ["old"],
        "visited_before_birth": ["early"],
        "done_in_future": ["2027-01-01"],
        "negative_total": ["2026-01-02"],
    }


# --- Import from the browser ---------------------------------------------------------------------------------

MAPPING = '[branches]\nexternal_id = "код"\nname = "имя"\n'


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads"


def upload(client: Client, source: Integration, content: bytes, mapping: str = MAPPING) -> Any:
    return client.post(
        "/data/import/",
        {
            "file": SimpleUploadedFile("филиалы.csv", content),
            "source": source.pk,
            "own_mapping": SimpleUploadedFile("map.toml", mapping.encode()),
        },
    )


def test_uploaded_file_goes_in_and_is_removed(doctor: Client, source: Integration, folder: Path) -> None:
    answer = upload(doctor, source, "код,имя\nb1,На Тверской\n".encode())
    assert answer.status_code == 302
    assert Branch.objects.get().name == "На Тверской"
    assert IngestBatch.objects.get().file_name == "филиалы.csv"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "mapping", "field"),
    [
        ("код;имя\n".encode(), MAPPING, "own_mapping"),
        ("код,имя\n".encode(), "[branches", "own_mapping"),
        ("код,имя\nb1,Имя\n".encode("cp1251"), MAPPING, "file"),
        (b"", MAPPING, "file"),
    ],
)
def test_wrong_file_or_mapping_is_told_in_the_form_and_not_kept(
    doctor: Client, source: Integration, folder: Path, content: bytes, mapping: str, field: str
) -> None:
    answer = upload(doctor, source, content, mapping)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert not folder.exists() or list(folder.iterdir()) == []


def test_form_needs_a_mapping(doctor: Client, source: Integration, folder: Path) -> None:
    answer = doctor.post("/data/import/", {"file": SimpleUploadedFile("a.csv", b"a\n"), "source": source.pk})
    assert list(answer.context["form"].errors) == ["mapping"]


def test_upload_taken_in_twice_changes_nothing(source: Integration, folder: Path) -> None:
    kept = uploads.keep(["код,имя\nb1,На Тверской\n".encode()], "b.csv", MAPPING, source)
    uploads.take_in(kept)
    uploads.take_in(kept)
    assert IngestBatch.objects.count() == 1


def test_file_that_breaks_half_way_says_so_on_the_page(source: Integration, folder: Path) -> None:
    content = "код,имя\n".encode() + b"b1,A\n" * 50_000 + "b2,Имя\n".encode("cp1251")
    uploads.take_in(uploads.keep([content], "b.csv", MAPPING, source))
    batch = IngestBatch.objects.get()
    assert batch.state == "failed"
    assert "cp1251" in batch.error
    assert list(folder.iterdir()) == []

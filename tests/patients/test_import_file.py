"""The command `import_file`: what goes in, what is kept aside, what a second and a killed run leave."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.models import Count, Sum

from patients.files import importing
from patients.models import (
    Branch,
    IngestBatch,
    Integration,
    Package,
    Patient,
    Payment,
    Rejected,
    Service,
    Slot,
    Visit,
)
from patients.services.replay import replay

SHARED = settings.BASE_DIR.parent / "shared" / "data"
MAPPINGS = settings.BASE_DIR / "docs" / "imports"
MAPPING = """
[file]
delimiter = ";"
decimal = ","

[patients]
external_id = "Пациент"
last_name = "Фамилия"

[visits]
external_id = "№"
patient = "Пациент"
starts_at = { column = "Дата", format = "%d.%m.%Y" }
status = { column = "Пришёл", codes = { "да" = "completed", "нет" = "no_show" } }
[[visits.items]]
service = { constant = "приём" }
price = "Сумма"
"""
HEAD = "№;Пациент;Фамилия;Дата;Пришёл;Сумма\n"
GOOD = HEAD + "1;p1;Иванов;03.02.2026;да;1 500,50\n2;p2;Ёлкин;04.02.2026;нет;0\n3;p1;Иванов;05.02.2026;да;200\n"

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Integration:
    return Integration.objects.create(code="mis")


@pytest.fixture
def run(tmp_path: Path, source: Integration) -> Any:
    def run(content: str = GOOD, *options: str, mapping: str = MAPPING, code: str = "mis") -> str:
        (tmp_path / "visits.csv").write_text(content, encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        out = io.StringIO()
        call_command(
            "import_file", str(tmp_path / "visits.csv"), "--resource", "visits", "--source", code,
            "--mapping", str(tmp_path / "map.toml"), *options, stdout=out, stderr=io.StringIO(),
        )  # fmt: skip
        return out.getvalue()

    return run


def test_rows_become_patients_and_visits(run: Any, source: Integration) -> None:
    run()
    assert dict(Patient.objects.values_list("external_id", "last_name")) == {"p1": "Иванов", "p2": "Ёлкин"}
    assert not Patient.objects.filter(stub=True).exists()
    visit = Visit.objects.get(external_id="1")
    assert (visit.status, str(visit.amount), f"{visit.starts_on}") == ("completed", "1500.50", "2026-02-03")
    batches = {batch.resource: batch for batch in IngestBatch.objects.filter(origin="file")}
    assert {(b.state, b.expected, b.received) for b in batches.values()} == {("done", 3, 3)}
    assert (batches["visits"].created, batches["patients"].created, batches["patients"].unchanged) == (3, 2, 1)
    assert batches["visits"].file_name == "visits.csv"


def test_second_run_changes_nothing(run: Any) -> None:
    run()
    before = list(Visit.objects.order_by("pk").values_list("pk", "updated_at"))
    assert "visits: created 0, updated 0, unchanged 3, rejected 0" in run()
    assert list(Visit.objects.order_by("pk").values_list("pk", "updated_at")) == before


def test_bad_rows_are_named_by_line_and_kept_while_the_good_ones_go_in(run: Any) -> None:
    said = run(
        GOOD + "4;p3;Петров;2026-02-06;да;10\n5;p3;Петров;07.02.2026;наверное;10\n6;p3;Пет;ров;08.02.2026;да;1\n"
    )
    assert "line 5, visits: starts_at" in said
    assert "line 6, visits: status" in said
    assert "line 7, visits: row" in said
    assert Visit.objects.count() == 3
    assert list(Rejected.objects.order_by("row").values_list("row", "external_id")) == [(5, "4"), (6, "5"), (7, "")]
    assert Rejected.objects.get(row=6).payload["status"] == {"unread": "наверное"}
    batch = IngestBatch.objects.get(resource="visits")
    assert (batch.rejected, batch.created, batch.received) == (3, 3, 6)


def test_rejections_are_not_doubled_by_a_second_run_and_are_settled_by_a_corrected_file(run: Any) -> None:
    bad = GOOD + "4;p3;Петров;2026-02-06;да;10\n5;p3;Петров;07.02.2026;да;-5\n"
    run(bad)
    run(bad)
    assert Rejected.objects.filter(resolution="open").count() == 2
    run(bad.replace("2026-02-06", "06.02.2026").replace("-5", "5"))
    assert not Rejected.objects.filter(resolution="open").exists()


def test_unreadable_row_is_not_replayed_as_it_stands(run: Any) -> None:
    run(GOOD + "5;p3;Петров;07.02.2026;наверное;10\n")
    row = Rejected.objects.get()
    assert replay([row.pk]).unreadable == 1
    row.refresh_from_db()
    assert (row.resolution, list(row.errors)) == ("open", ["status"])


def test_dry_run_tells_the_truth_and_keeps_nothing(run: Any) -> None:
    assert "visits: created 3" in run(GOOD, "--dry-run")
    assert not Visit.objects.exists()
    assert not Patient.objects.exists()
    assert not IngestBatch.objects.exists()


def test_limit_takes_the_first_rows(run: Any) -> None:
    run(GOOD, "--limit", "1")
    assert list(Visit.objects.values_list("external_id", flat=True)) == ["1"]


def test_only_takes_the_named_resource_and_leaves_a_stub(run: Any) -> None:
    run(GOOD, "--only")
    assert set(Patient.objects.values_list("external_id", "stub")) == {("p1", True), ("p2", True)}


def test_filter_of_the_file_skips_rows_and_says_how_many(run: Any) -> None:
    said = run(GOOD, mapping='where = { "Пришёл" = "да" }\n' + MAPPING)
    assert "1 skipped" in said
    assert Visit.objects.count() == 2


def test_unknown_source_says_what_to_do(run: Any) -> None:
    with pytest.raises(CommandError, match="create_integration"):
        run(code="other")
    run(GOOD, "--create-source", code="other")
    assert Visit.objects.filter(source__code="other").count() == 3


def test_wrong_mapping_names_file_and_key(run: Any) -> None:
    with pytest.raises(CommandError, match=r"map\.toml: visits\.status\.column: .*Пришёл"):
        run(GOOD, mapping=MAPPING.replace('"Пришёл"', '"Пришел"'))
    with pytest.raises(CommandError, match=r"map\.toml: visits"):
        run(GOOD, mapping='[patients]\nexternal_id = "Пациент"')
    assert not IngestBatch.objects.exists()


def test_killed_in_the_middle_and_run_again_ends_in_the_same_rows(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CHUNK", 2)
    whole = importing.ingest

    def dies_at_the_second_visits(source: Integration, resource: str, items: Any, **options: Any) -> Any:
        if resource == "visits" and items[0]["external_id"] == "3":
            raise KeyboardInterrupt
        return whole(source, resource, items, **options)

    monkeypatch.setattr(importing, "ingest", dies_at_the_second_visits)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert Visit.objects.count() == 2
    assert set(IngestBatch.objects.values_list("state", flat=True)) == {"running"}
    monkeypatch.setattr(importing, "ingest", whole)
    assert "visits: created 1, updated 0, unchanged 2" in run()
    assert list(IngestBatch.objects.order_by("pk").values_list("state", flat=True)[:2]) == ["failed", "failed"]
    assert set(IngestBatch.objects.order_by("-pk")[:2].values_list("state", "received")) == {("done", 3)}


@pytest.mark.django_db(transaction=True)
def test_same_file_is_not_imported_twice_at_once(run: Any, source: Integration) -> None:
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"import_file:{source.pk}:visits.csv"])
        with pytest.raises(CommandError):
            run()
    finally:
        other.close()
    run()
    assert Visit.objects.count() == 3


def test_memory_holds_one_chunk_of_rows(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CHUNK", 100)
    sizes: list[int] = []
    whole = importing.ingest

    def watched(source: Integration, resource: str, items: Any, **options: Any) -> Any:
        sizes.append(len(items))
        return whole(source, resource, items, **options)

    monkeypatch.setattr(importing, "ingest", watched)
    run(HEAD + "".join(f"{n};p{n};Иванов;03.02.2026;да;1\n" for n in range(950)))
    assert max(sizes) == 100
    assert Visit.objects.count() == 950


# --- The real files ------------------------------------------------------------------------------------------


def import_real(name: str, path: Path, *options: str) -> str:
    if not path.is_file():
        pytest.skip(f"the real data {path.name} is not beside the project")
    out = io.StringIO()
    call_command(
        "import_file", str(path), "--resource", "visits", "--source", name, "--mapping",
        str(MAPPINGS / f"{name}.toml"), "--create-source", *options, stdout=out, stderr=io.StringIO(),
    )  # fmt: skip
    return out.getvalue()


@pytest.mark.shared
def test_appointments_of_vitoria_have_the_published_facts() -> None:
    import_real("noshow", SHARED / "noshow" / "KaggleV2-May-2016.csv")
    visits = Visit.objects.filter(source__code="noshow")
    assert visits.count() == 110_527
    assert Patient.objects.filter(source__code="noshow").count() == 62_299
    assert visits.filter(status="no_show").count() == 22_319
    several = visits.values("patient").annotate(n=Count("pk")).filter(n__gt=1)
    assert several.count() == 24_379
    assert Branch.objects.count() == 81
    assert Service.objects.get().name == "Приём"
    assert Patient.objects.filter(external_id="29872499824296", sex="female", birth_date="1954-01-01").exists()
    assert Patient.objects.filter(birth_date=None).count() == 1
    assert not Patient.objects.filter(stub=True).exists()
    # The day is the day in Vitória: nothing slipped to the day before.
    assert {f"{day}" for day in visits.values_list("starts_on", flat=True).distinct()[:3]} <= {
        f"2016-{month:02d}-{day:02d}" for month in (4, 5, 6) for day in range(1, 32)
    }
    assert f"{visits.get(external_id='5642903').starts_on}" == "2016-04-29"


@pytest.mark.shared
def test_purchase_log_keeps_every_line_as_a_visit_and_a_payment() -> None:
    import_real("cdnow", SHARED / "cdnow" / "CDNOW_master.txt")
    visits = Visit.objects.filter(source__code="cdnow")
    assert (visits.count(), Patient.objects.count(), Payment.objects.count()) == (69_659, 23_570, 69_659)
    assert Payment.objects.filter(amount=0).count() == 80
    paid = Payment.objects.aggregate(total=Sum("amount"))["total"]
    assert paid == visits.aggregate(total=Sum("amount"))["total"]
    assert (f"{visits.earliest('starts_on').starts_on}", f"{visits.latest('starts_on').starts_on}") == (
        "1997-01-01", "1998-06-30",
    )  # fmt: skip
    said = import_real("cdnow", SHARED / "cdnow" / "CDNOW_master.txt", "--limit", "10000")
    assert "visits: created 0, updated 0, unchanged 10000, rejected 0" in said


def test_packages_and_free_slots_come_from_files_too(run: Any) -> None:
    packages = """
[file]
delimiter = ";"
[packages]
external_id = "№"
patient = "Пациент"
service = { constant = "laser" }
sessions = "Сеансов"
bought_on = { column = "Куплен", format = "%d.%m.%Y" }
expires_on = { column = "До", format = "%d.%m.%Y" }
"""
    rows = "№;Пациент;Сеансов;Куплен;До\n1;p1;8;01.02.2026;01.02.2027\n2;p1;0;01.02.2026;\n3;p2;3;05.02.2026;\n"
    answer = run(rows, "--resource", "packages", mapping=packages)
    assert "packages: created 2, updated 0, unchanged 0, rejected 1" in answer
    assert "unchanged 2, rejected 1" in run(rows, "--resource", "packages", mapping=packages)
    assert list(Package.objects.order_by("pk").values_list("patient__external_id", "sessions", "expires_on")) == [
        ("p1", 8, dt.date(2027, 2, 1)),
        ("p2", 3, None),
    ]
    refused = Rejected.objects.get()
    assert (refused.row, list(refused.errors)) == (3, ["sessions"])

    slots = """
[slots]
external_id = { template = "{branch}-{day}" }
branch = "branch"
day = "day"
free = "free"
"""
    answer = run("branch,day,free\nb1,2026-03-09,4\nb1,2026-03-10,0\n", "--resource", "slots", mapping=slots)
    assert "slots: created 2" in answer
    assert list(Slot.objects.order_by("day").values_list("external_id", "free")) == [
        ("b1-2026-03-09", 4), ("b1-2026-03-10", 0),
    ]  # fmt: skip

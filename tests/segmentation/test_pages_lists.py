"""The list of a segment's patients: order, pages, filters, contacts, export."""

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from auditlog.models import LogEntry
from django.utils import translation

from patients.models import Consent
from segmentation.selectors import segments
from segmentation.selectors.segments import MemberFilter
from segmentation.services import spreadsheets
from tests.segmentation.pages import AS_OF, VIEW, Base, reader

pytestmark = pytest.mark.django_db

URL = "/segments/rfm/champions/"


@pytest.fixture
def base() -> Base:
    return Base()


def _walk(base: Base, sort: str, way: str) -> list[int]:
    """Every id of the list by its pages: forwards, or to the end and back again."""
    members = segments.in_segment(base.segment("rfm", "champions"))
    page = segments.page(members, MemberFilter.parse({"sort": sort}))
    pages = [[member.pk for member in page.members]]
    while page.after:
        page = segments.page(members, MemberFilter.parse({"sort": sort, "after": str(page.after)}))
        pages.append([member.pk for member in page.members])
    if way == "back":
        pages = [pages[-1]]
        while page.before:
            page = segments.page(members, MemberFilter.parse({"sort": sort, "before": str(page.before)}))
            pages.insert(0, [member.pk for member in page.members])
    return [pk for ids in pages for pk in ids]


@pytest.mark.parametrize("way", ["forth", "back"])
@pytest.mark.parametrize(
    "sort", ["money", "-money", "money_365", "last_visit", "-last_visit", "ltv", "-ltv", "name", "-name"]
)
def test_pages_show_everybody_once_and_in_order(
    base: Base, monkeypatch: pytest.MonkeyPatch, sort: str, way: str
) -> None:
    monkeypatch.setattr(segments, "PAGE", 3)
    rows: list[tuple[Any, Any, int]] = []
    for number in range(14):
        # Equal values and missing ones among them: the key has to tell them apart.
        value = number // 3
        visit = None if number % 5 == 0 else AS_OF - dt.timedelta(days=value)
        patient = base.patient(
            ltv=None if number % 4 == 0 else value, last_name=f"N{value}", first_name="A",
            metrics={"money": value, "money_365": 10 - value, "last_visit_on": visit},
        )  # fmt: skip
        base.member(patient, "rfm", "champions")
        by = {"money": value, "money_365": 10 - value, "last_visit": visit, "ltv": None if number % 4 == 0 else value,
              "name": f"N{value}"}[sort.removeprefix("-")]  # fmt: skip
        rows.append((by, patient.pk, number))
    base.member(base.patient(), "rfm", "loyal")
    descending = (sort.removeprefix("-") != "name") != sort.startswith("-")
    known = sorted((row for row in rows if row[0] is not None), key=lambda row: row[1])
    known.sort(key=lambda row: row[0], reverse=descending)
    expected = [pk for _by, pk, _n in known] + [pk for by, pk, _n in rows if by is None]
    assert _walk(base, sort, way) == expected


def test_filters_narrow_the_list_to_those_meant(base: Base) -> None:
    born = {"old": AS_OF.replace(year=1986), "young": dt.date(2008, 11, 22), "adult": dt.date(2008, 11, 21)}
    plain = base.patient(birth_date=born["old"], sex="female", phone="+79160000001")
    south = base.patient(metrics={"last_branch": base.branches[1]}, birth_date=born["young"], sex="male")
    adult = base.patient(birth_date=born["adult"], email="a@b.ru")
    agreed = base.patient()
    for granted, patient, until in ((True, agreed, None), (False, plain, None), (True, adult, 1)):
        Consent.objects.create(
            patient=patient, channel="sms", purpose="marketing", granted=granted,
            at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), until=until and dt.datetime(2026, 2, 1, tzinfo=dt.UTC),
        )  # fmt: skip
    for patient in (plain, south, adult, agreed):
        base.member(patient, "rfm", "champions")

    def shown(**query: str) -> set[int]:
        members = segments.in_segment(base.segment("rfm", "champions"))
        return set(segments.narrowed(members, MemberFilter.parse(query), AS_OF).values_list("pk", flat=True))

    assert shown(branch=str(base.branches[1].pk)) == {south.pk}
    assert shown(branch=str(base.branches[0].pk)) == {plain.pk, adult.pk, agreed.pk}
    assert shown(sex="female") == {plain.pk}
    assert shown(age="0-17") == {south.pk}
    assert shown(age="18-24") == {adult.pk}
    assert shown(age="35-44") == {plain.pk}
    assert shown(contact="phone") == {plain.pk}
    assert shown(contact="email") == {adult.pk}
    assert shown(contact="marketing") == {agreed.pk}
    assert shown(sex="female", contact="email") == set()


def test_those_who_left_were_deleted_or_merged_are_not_shown(base: Base) -> None:
    kept, gone, deleted = (base.patient(last_name=name) for name in ("Kept", "Gone", "Deleted"))
    merged = base.patient(last_name="Merged", merged_into=kept)
    base.member(kept, "rfm", "champions")
    base.member(gone, "rfm", "champions", entered_on=dt.date(2026, 1, 1), left_on=AS_OF)
    base.member(deleted, "rfm", "champions")
    base.member(merged, "rfm", "champions")
    deleted.deleted_at = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    deleted.save()
    text = reader(*VIEW).get(URL).content.decode()
    assert "Kept" in text
    assert not [name for name in ("Gone", "Deleted", "Merged") if name in text]


def test_phones_are_shown_to_those_who_may_see_them(base: Base) -> None:
    base.member(base.patient(phone="+79161234567"), "rfm", "champions")
    assert "123-45-67" not in reader(*VIEW).get(URL).content.decode()
    assert "123-45-67" in reader(*VIEW, "patients.view_contacts").get(URL).content.decode()


def test_names_get_into_no_address(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "PAGE", 1)
    for name in ("Secretova", "Hiddenova"):
        base.member(base.patient(last_name=name), "rfm", "champions")
    answer = reader(*VIEW).get(f"{URL}?sort=name")
    assert "after=" in answer.context["next_url"]
    assert "ova" not in answer.context["next_url"]


def _table(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_export_is_exactly_the_filtered_list_in_its_order(base: Base) -> None:
    for number, sex in enumerate(["female", "male", "female"]):
        base.member(base.patient(sex=sex, metrics={"money": number * 100}), "rfm", "champions")
    client = reader(*VIEW, "patients.export_patient")
    head, *rows = _table(client.get(f"{URL}export/?format=csv&sex=female&sort=money"))
    assert [row[0] for row in rows] == ["p3", "p1"]
    assert rows[0][head.index("Paid in all")] == "200.00"
    assert "Phone" not in head


def test_export_with_contacts_needs_the_permission_and_leaves_a_line_in_the_log(base: Base) -> None:
    base.member(base.patient(phone="+79161234567", email="a@b.ru"), "rfm", "champions")
    client = reader(*VIEW, "patients.export_patient", "patients.view_contacts")
    head, row = _table(client.get(f"{URL}export/?format=csv&contact=phone"))
    assert row[head.index("Phone")] == "+79161234567"
    entry = LogEntry.objects.get(action=LogEntry.Action.ACCESS)
    assert entry.actor is not None
    assert entry.object_repr == "champions"
    assert entry.additional_data == {"export": "csv", "contacts": True, "contact": "phone"}


def test_cell_lists_and_exports_those_with_its_scores(base: Base) -> None:
    mine = base.patient(rfm=(5, 4, 3), last_name="Mine")
    base.patient(rfm=(5, 4, 1), last_name="Poorer")
    base.patient(rfm=(4, 4, 3), last_name="Other")
    client = reader(*VIEW, "patients.export_patient")
    assert [m.pk for m in client.get("/segments/rfm/cell/5-4/?m=3").context["members"]] == [mine.pk]
    rows = _table(client.get("/segments/rfm/cell/5-4/export/?format=csv&sort=name"))
    assert [row[1] for row in rows[1:]] == ["Mine", "Poorer"]


def test_excel_file_holds_text_numbers_and_dates(base: Base) -> None:
    patient = base.patient(last_name='=1+1 <&"', birth_date=dt.date(1990, 2, 28), metrics={"money": Decimal("1234.50")})
    base.member(patient, "rfm", "champions")
    answer = reader(*VIEW, "patients.export_patient").get(f"{URL}export/?format=xlsx")
    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))
    head, row = ([cell.value for cell in cells] for cells in book.active.iter_rows())
    found = dict(zip(head, row, strict=True))
    assert found["Last name"] == '=1+1 <&"'
    assert found["Birth date"].date() == dt.date(1990, 2, 28)
    assert found["Paid in all"] == 1234.5


def test_excel_file_goes_on_on_the_next_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "SHEET_ROWS", 2)
    file = b"".join(spreadsheets.xlsx_chunks([("n", "number")], [[n] for n in range(5)]))
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert [[cell.value for cell in sheet["A"]] for sheet in book] == [["n", 0, 1], ["n", 2, 3], ["n", 4]]


def test_characters_that_xml_cannot_hold_do_not_spoil_the_excel_file() -> None:
    file = b"".join(spreadsheets.xlsx_chunks([("x", "text")], [["a\x00\x0b\x1f\ufffe\uffff<&>b"]]))
    assert openpyxl.load_workbook(io.BytesIO(file)).active["A2"].value == "a<&>b"


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=HYPERLINK()", "'=HYPERLINK()"), ("@x", "'@x"), ("-5", "'-5"), ("+79161234567", "+79161234567"),
     ("Анна", "Анна"), ("+7=1", "'+7=1"), ("", "")],
)  # fmt: skip
def test_cells_that_begin_like_formulas_are_not_run(text: str, cell: str) -> None:
    with translation.override("en"):
        table = b"".join(spreadsheets.csv_chunks([("x", "text")], [[text]])).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(table)))[1:] == ([[cell]] if cell else [[""]])

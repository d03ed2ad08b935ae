"""Files and mappings: what is read, what is refused, and that the refusal names the place."""

from pathlib import Path

import openpyxl
import pytest

from patients.files.expressions import Row
from patients.files.layout import MappingError
from patients.files.mapping import compile_mapping, load_mapping, parse_mapping
from patients.files.readers import FileError, Table, open_table

VISITS = """
[visits]
external_id = "id"
patient = "who"
starts_at = {{ column = "day", format = "%d.%m.%Y" }}
status = {{ column = "came", codes = {{ "да" = "completed", "нет" = "no_show" }} }}
{more}
"""


def mapping(more: str = "", head: str = "") -> str:
    return head + VISITS.format(more=more)


def made(toml: str, columns: list[str], *cells: object) -> list[object]:
    reader = compile_mapping(parse_mapping(toml), columns)
    return [one.read(Row(7, list(cells))) for one in reader.readers]  # type: ignore[arg-type]


COLUMNS = ["id", "who", "day", "came"]


def test_row_becomes_an_item() -> None:
    (visit,) = made(mapping(), COLUMNS, "v1", "p1", "03.02.2026", "ДА")
    assert visit.item == {  # type: ignore[attr-defined]
        "external_id": "v1", "patient": "p1", "starts_at": "2026-02-03T00:00:00", "status": "completed",
    }  # fmt: skip


def test_cell_that_cannot_be_read_is_named_by_field_and_kept_apart() -> None:
    (visit,) = made(mapping(), COLUMNS, "v1", "p1", "2026-02-03", "может быть")
    assert set(visit.errors) == {"starts_at", "status"}  # type: ignore[attr-defined]
    assert visit.item["status"] == {"unread": "может быть"}  # type: ignore[attr-defined]


def test_other_is_what_an_unknown_code_means() -> None:
    toml = mapping().replace('"no_show" } }', '"no_show" }, other = "booked" }')
    (visit,) = made(toml, COLUMNS, "v1", "p1", "03.02.2026", "?")
    assert visit.item["status"] == "booked"  # type: ignore[attr-defined]


def test_one_row_gives_several_resources_in_the_order_of_references() -> None:
    toml = mapping(
        '[payments]\nexternal_id = { template = "{who}-{id}-{line}" }\npatient = "who"\n'
        'paid_at = { column = "day", format = "%d.%m.%Y" }\namount = { constant = 5 }\n'
        '[patients]\nexternal_id = "who"\n'
    )
    patient, visit, payment = made(toml, COLUMNS, "1e3", "p1", "03.02.2026", "да")
    assert patient.item == {"external_id": "p1"}  # type: ignore[attr-defined]
    assert visit.item["external_id"] == "1000"  # type: ignore[attr-defined]
    assert payment.item["external_id"] == "p1-1000-7"  # type: ignore[attr-defined]
    assert payment.item["amount"] == "5"  # type: ignore[attr-defined]


def test_item_lines_without_a_service_are_left_out() -> None:
    toml = mapping('[[visits.items]]\nservice = "s1"\nprice = "p"\n[[visits.items]]\nservice = { column = "s2" }\n')
    (visit,) = made(toml, [*COLUMNS, "s1", "s2", "p"], "v", "p", "03.02.2026", "да", "x-ray", "", "12.5")
    assert visit.item["items"] == [{"service": "x-ray", "price": "12.5"}]  # type: ignore[attr-defined]


def test_resource_takes_only_the_rows_it_wants() -> None:
    toml = mapping('where = { came = { not = ["нет"] } }')
    assert made(toml, COLUMNS, "v", "p", "03.02.2026", "нет") == [None]
    assert made(toml, COLUMNS, "v", "p", "03.02.2026", "да") != [None]


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("[visits", "TOML"),
        ("", "TOML"),
        ("[visitors]\nexternal_id = 1", "visitors"),
        (mapping("doktor = 'x'"), "visits.doktor"),
        (mapping().replace('patient = "who"', ""), "visits.patient"),
        (mapping(head='[file]\nformat = "pdf"\n'), "file.format"),
        (mapping(head='[file]\nencoding = "cp9999"\n'), "file.encoding"),
        (mapping(head='[file]\ndelimiter = ";;"\n'), "file.delimiter"),
        (mapping(head='[file]\nheader = "yes"\n'), "file.header"),
        (mapping(head='[file]\ntimezone = "Mars"\n'), "file.timezone"),
        (mapping(head="[file]\nspeed = 3\n"), "file.speed"),
        (mapping(head="file = 3\n"), "file"),
    ],
)
def test_wrong_mapping_names_its_key(toml: str, key: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(toml)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        (mapping().replace('"who"', '"whom"'), "visits.patient.column"),
        (mapping("branch = { constant = 1, column = 'id' }"), "visits.branch"),
        (mapping("branch = { column = 9 }"), "visits.branch.column"),
        (mapping("branch = { template = '{nobody}' }"), "visits.branch.template"),
        (mapping("branch = { column = 'id', type = 'money' }"), "visits.branch.type"),
        (mapping("branch = { column = 'id', codes = 3 }"), "visits.branch.codes"),
        (mapping("branch = { column = 'id', other = 'x' }"), "visits.branch.other"),
        (mapping("branch = { column = 'id', colour = 'x' }"), "visits.branch.colour"),
        (mapping("items = 3"), "visits.items"),
        (mapping("[[visits.items]]\nprice = 'id'"), "visits.items.0.service"),
        (mapping("[[visits.items]]\nservice = 'id'\nsum = 'id'"), "visits.items.0.sum"),
        (mapping("where = { nobody = 'x' }"), "visits.where.nobody"),
        (mapping("where = { id = 3 }"), "visits.where.id"),
    ],
)
def test_mapping_that_does_not_fit_the_file_names_its_key(toml: str, key: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(parse_mapping(toml), COLUMNS)
    assert caught.value.key == key


def test_missing_column_is_told_with_the_columns_there_are() -> None:
    with pytest.raises(MappingError, match="id, who, day, came"):
        compile_mapping(parse_mapping(mapping().replace('"who"', '"whom"')), COLUMNS)


def table(tmp_path: Path, content: bytes, head: str = "", name: str = "file.csv") -> Table:
    path = tmp_path / name
    path.write_bytes(content)
    return open_table(path, parse_mapping(mapping(head=head)).layout)


def test_csv_keeps_line_numbers_over_quoted_line_breaks_and_blank_lines(tmp_path: Path) -> None:
    found = table(tmp_path, b'\xef\xbb\xbfid,who\n1,"a\nb"\n\n2,c\n')
    assert found.columns == ["id", "who"]
    assert list(found.rows) == [(2, ["1", "a\nb"]), (5, ["2", "c"])]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quotation_mark_that_is_never_closed_does_not_swallow_the_rest_of_the_file(tmp_path: Path, end: str) -> None:
    (tmp_path / "rows.csv").write_text(end.join(["id,who", "1,x", '2,"open', "3,y", "4,z", ""]), newline="")
    table = open_table(tmp_path / "rows.csv", parse_mapping(mapping()).layout)
    with pytest.raises(FileError, match=r"\b3\b"):
        list(table.rows)


def test_quotation_marks_inside_a_cell_are_letters(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('id,who\n1,"Ромашка" ООО\n2,ООО "Лютик"\n3,"a\nb"\n')
    table = open_table(tmp_path / "rows.csv", parse_mapping(mapping()).layout)
    assert [cells[1] for _line, cells in table.rows] == ["Ромашка ООО", 'ООО "Лютик"', "a\nb"]


def test_cp1251_is_read_when_the_mapping_says_so(tmp_path: Path) -> None:
    head = '[file]\nencoding = "cp1251"\ndelimiter = ";"\n'
    found = table(tmp_path, "код;имя\n1;Ёлкина\n".encode("cp1251"), head)
    assert found.columns == ["код", "имя"]
    assert list(found.rows) == [(2, ["1", "Ёлкина"])]


def test_wrong_encoding_is_told_with_the_line_and_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cp1251"):
        list(table(tmp_path, "id,who\n1,Иван\n".encode("cp1251")).rows)


def test_utf8_read_as_cp1251_is_refused_before_it_becomes_gibberish(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="UTF-8"):
        table(tmp_path, "id,who\n1,Иван\n".encode(), '[file]\nencoding = "cp1251"\n')


def test_text_in_columns_without_a_header(tmp_path: Path) -> None:
    head = '[file]\nformat = "text"\nheader = false\ncolumns = ["id", "day"]\nskip_lines = 1\n'
    found = table(tmp_path, b"# log\r\n 0001   19970101 \r\n 0002 19970102\r\n", head)
    assert (found.columns, found.expected) == (("id", "day"), 2)
    assert list(found.rows) == [(2, ["0001", "19970101"]), (3, ["0002", "19970102"])]


def test_column_can_be_named_by_its_number(tmp_path: Path) -> None:
    toml = mapping().replace('"id"', "1").replace('"who"', "{ column = 2 }")
    toml = toml.replace('"day"', "3").replace('"came"', "4")
    (visit,) = made(toml, [], "v1", "p1", "03.02.2026", "да")
    assert (visit.item["external_id"], visit.item["patient"]) == ("v1", "p1")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["book.xlsx", "upload"])
def test_excel_gives_dates_numbers_and_real_row_numbers(tmp_path: Path, name: str) -> None:
    import datetime as dt

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Визиты"
    sheet.append([])
    sheet.append(["id", "who", "day", "came"])
    sheet.append([29872499824296, "p1", dt.datetime(2026, 2, 3, 10, 30), "да"])  # noqa: DTZ001
    book.save(tmp_path / "book.xlsx")
    (tmp_path / "book.xlsx").rename(tmp_path / name)
    layout = parse_mapping(mapping(head='[file]\nformat = "excel"\nsheet = "Визиты"\n')).layout
    found = open_table(tmp_path / name, layout)
    assert list(found.columns) == COLUMNS
    ((line, cells),) = found.rows
    (visit,) = made(mapping(), COLUMNS, *cells)
    assert (line, visit.item["external_id"]) == (3, "29872499824296")  # type: ignore[attr-defined]
    assert visit.item["starts_at"] == "2026-02-03T10:30:00"  # type: ignore[attr-defined]


def test_missing_sheet_and_false_excel_are_told(tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "book.xlsx")
    layout = parse_mapping(mapping(head='[file]\nformat = "excel"\nsheet = "Нет"\n')).layout
    with pytest.raises(FileError, match="Нет"):
        open_table(tmp_path / "book.xlsx", layout)
    with pytest.raises(FileError, match="Excel"):
        table(tmp_path, b"id,who\n", '[file]\nformat = "excel"\n', "false.xlsx")


def test_empty_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        table(tmp_path, b"")
    with pytest.raises(FileError, match=r"gone\.csv"):
        open_table(tmp_path / "gone.csv", parse_mapping(mapping()).layout)


def test_shipped_mappings_are_sound() -> None:
    shipped = sorted((Path(__file__).resolve().parents[2] / "docs" / "imports").glob("*.toml"))
    assert [path.stem for path in shipped] == ["cdnow", "noshow"]
    assert [load_mapping(path).resources for path in shipped] == [
        ["services", "patients", "visits", "payments"],
        ["branches", "services", "patients", "visits"],
    ]


def test_constant_of_the_wrong_kind_is_an_error_of_the_mapping() -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(parse_mapping(mapping("[[visits.items]]\nservice = 'id'\nprice = { constant = 'x' }")), COLUMNS)
    assert caught.value.key == "visits.items.0.price.constant"

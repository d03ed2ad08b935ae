"""Files that are small as sent and very large as read."""

import zipfile
from pathlib import Path

import pytest

from patients.files.layout import Layout
from patients.files.readers import FileError, open_table


def test_a_small_excel_file_that_unpacks_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book, book.open("xl/worksheets/sheet1.xml", "w") as sheet:
        for _ in range(1040):
            sheet.write(b"A" * (1 << 20))
    assert path.stat().st_size < 2 << 20
    with pytest.raises(FileError, match=r"1 GB|1 ГБ"):
        list(open_table(path, Layout(form="excel", header=False)).rows)

"""Files handed over in the browser: kept in the data folder until a worker has taken them in, then removed.

An upload is a folder named by a random id with the file, its mapping and `upload.json`. A worker that dies leaves the
folder, so the task that comes again finds it; a folder that is gone was taken in before.
"""

import json
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

from patients.files.importing import import_file
from patients.files.layout import MappingError
from patients.files.mapping import compile_mapping, load_mapping, parse_mapping
from patients.files.readers import FileError, open_table
from patients.models import IngestBatch, Integration

SHIPPED = settings.BASE_DIR / "docs" / "imports"


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "uploads"


def shipped_mappings() -> list[str]:
    """Names of the mappings that come with the portal."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def shipped_mapping(name: str) -> str:
    return (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")


def keep(chunks: Iterable[bytes], file_name: str, toml: str, source: Integration) -> str:
    """Store a file with its mapping and return the id of the upload.

    The head of the file is read with the mapping first: `MappingError` and `FileError` say at once what a worker
    would only find out later, and nothing is kept then.
    """
    mapping = parse_mapping(toml)
    upload = uuid.uuid4().hex
    folder = _folder() / upload
    folder.mkdir(parents=True, mode=0o700)
    try:
        with (folder / "file").open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
        (folder / "mapping.toml").write_text(toml, encoding="utf-8")
        table = open_table(folder / "file", mapping.layout)
        compile_mapping(mapping, table.columns)
        next(iter(table.rows), None)
    except BaseException:
        shutil.rmtree(folder)
        raise
    about = {"source": source.pk, "file_name": file_name, "main": main_resource(mapping.resources)}
    (folder / "upload.json").write_text(json.dumps(about), encoding="utf-8")
    return upload


def main_resource(resources: list[str]) -> str:
    """What a file is about when nobody has said: the visits, else the last thing its mapping makes."""
    return "visits" if "visits" in resources else resources[-1]


def take_in(upload: str) -> None:
    folder = _folder() / uuid.UUID(upload).hex
    if not (folder / "upload.json").is_file():
        return
    about: dict[str, Any] = json.loads((folder / "upload.json").read_text(encoding="utf-8"))
    source = Integration.objects.get(pk=about["source"])
    try:
        import_file(
            folder / "file",
            load_mapping(folder / "mapping.toml"),
            source,
            main=about["main"],
            file_name=about["file_name"],
        )
    except (FileError, MappingError) as error:
        _tell(source, about, str(error))
    shutil.rmtree(folder)


def _tell(source: Integration, about: dict[str, Any], error: str) -> None:
    """A file that was refused before its first row has no batch yet: the data page must say so all the same."""
    told = IngestBatch.objects.filter(source=source, file_name=about["file_name"], error=error[:1000]).exists()
    if not told:
        IngestBatch.objects.create(
            source=source, resource=about["main"], origin=IngestBatch.Origin.FILE, file_name=about["file_name"],
            state=IngestBatch.State.FAILED, error=error[:1000],
        )  # fmt: skip

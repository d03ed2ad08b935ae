"""Import of consents with their proof (C10, F9): good rows go in, each of the others is kept with its reason.

A patient is named by the id of the source, else by a phone or an e-mail. An address that a mother shares with her
child is hers; one that several adults share names nobody, because consent is one person's word. A consent must say
when and where it was given, and what proves it; a refusal needs no proof. Killed and started again it ends in the same
words: a word is named by its patient, channel, purpose and moment.
"""

import datetime as dt
import json
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.services.consents.consent_files import Line, open_file
from patients.files.readers import FileError
from patients.models import IngestBatch, Integration, Patient
from patients.models.intake import Resource
from patients.services.consents import Word, say
from patients.services.ingest import RejectedItem, rejections
from patients.services.ingest.contacts import e164

CHUNK = 5_000
DEFAULTED = ("channel", "purpose", "granted", "text_version", "source", "proof")
_LIMITS = {"text_version": 40, "source": 120, "proof": 200}


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "uploads"


def keep(
    chunks: Iterable[bytes], file_name: str, source: Integration, defaults: Mapping[str, str], now: dt.datetime
) -> str:
    """Store an uploaded file for a worker and return its id. FileError says at once what is wrong with its head."""
    upload = uuid.uuid4().hex
    folder = _folder() / upload
    folder.mkdir(parents=True, mode=0o700)
    try:
        with (folder / "file").open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
        next(iter(open_file(folder / "file", file_name, defaults, timezone.get_default_timezone()).lines), None)
        batch = IngestBatch.objects.create(
            source=source, resource=Resource.CONSENTS, origin=IngestBatch.Origin.FILE, file_name=file_name[:200]
        )
    except BaseException:
        shutil.rmtree(folder)
        raise
    about = {"batch": batch.pk, "file_name": file_name, "defaults": dict(defaults), "now": now.isoformat()}
    (folder / "consents.json").write_text(json.dumps(about), encoding="utf-8")
    return upload


def take_in(upload: str) -> None:
    """What the worker does. A folder that is gone was taken in before."""
    folder = _folder() / uuid.UUID(upload).hex
    about_path = folder / "consents.json"
    if not about_path.is_file():
        return
    about = json.loads(about_path.read_text(encoding="utf-8"))
    batch = IngestBatch.objects.select_related("source").get(pk=about["batch"])
    import_file(
        folder / "file", about["file_name"], batch, about["defaults"], dt.datetime.fromisoformat(about["now"])
    )  # fmt: skip
    shutil.rmtree(folder)


def import_file(
    path: Path, file_name: str, batch: IngestBatch, defaults: Mapping[str, str], now: dt.datetime
) -> IngestBatch:
    """Take the rows into a running batch. One that a killed worker left is counted from the beginning."""
    batch.received = batch.created = batch.updated = batch.unchanged = batch.rejected = 0
    try:
        opened = open_file(path, file_name, defaults, timezone.get_default_timezone())
        batch.expected = opened.expected
        batch.save()
        while chunk := list(islice(opened.lines, CHUNK)):
            with transaction.atomic():
                _take(batch, chunk, now)
    except Exception as error:
        reason = str(error) if isinstance(error, FileError) else type(error).__name__
        _finish(batch, IngestBatch.State.FAILED, reason)
        if not isinstance(error, FileError):
            raise
        return batch
    _finish(batch, IngestBatch.State.DONE)
    return batch


def _finish(batch: IngestBatch, state: str, error: str = "") -> None:
    IngestBatch.objects.filter(pk=batch.pk).update(state=state, error=error[:1000], finished_at=timezone.now())
    batch.refresh_from_db()


def _take(batch: IngestBatch, lines: Sequence[Line], now: dt.datetime) -> None:
    for line in lines:
        _complain(line, now)
    found = _Patients(batch.source_id, [line.said for line in lines])
    words = {}
    for line in lines:
        patient_id = found.one(line)
        if patient_id is not None and not line.errors:
            said = line.said
            word = Word(
                patient_id, said["channel"], said["purpose"], said["granted"], said["at"],
                said.get("text_version", ""), said.get("source", ""), said.get("proof", ""),
            )  # fmt: skip
            words[(patient_id, word.channel, word.purpose, word.at)] = word
    good = sum(not line.errors for line in lines)
    created, updated = say(list(words.values()))
    bad = [line for line in lines if line.errors]
    rejections.keep(
        batch, [RejectedItem(n, line.raw.get("patient", "")[:64], line.errors) for n, line in enumerate(bad)],
        [line.raw for line in bad], [line.number for line in bad],
    )  # fmt: skip
    IngestBatch.objects.filter(pk=batch.pk).update(
        received=F("received") + len(lines), created=F("created") + created, updated=F("updated") + updated,
        unchanged=F("unchanged") + good - created - updated, rejected=F("rejected") + len(bad),
    )  # fmt: skip


def _complain(line: Line, now: dt.datetime) -> None:
    """What every row must say."""
    said, errors = line.said, line.errors
    for name in ("channel", "purpose", "granted", "at", "source"):
        if name not in said and name not in errors:
            errors[name] = [_("This field is required.")]
    if "at" in said and said["at"] > now:
        errors["at"] = [_("This moment lies in the future.")]
    elif "at" in said and said["at"].year < 1990:
        errors["at"] = [_("This is too long ago to be a consent.")]
    for name, limit in _LIMITS.items():
        if len(said.get(name, "")) > limit:
            errors[name] = [_("At most %(limit)s characters.") % {"limit": limit}]
    if said.get("granted") and not said.get("proof") and "proof" not in errors:
        errors["proof"] = [_("What proves the consent? Name the signed form, the recording or the log entry.")]
    if "phone" in said and not said.get("patient"):
        number = e164(said["phone"])
        if number is None:
            errors["phone"] = [_("This is not a phone number.")]
        else:
            said["phone"] = number
    if not any(said.get(who) for who in ("patient", "phone", "email")) and "patient" not in errors:
        errors["patient"] = [_("The row names no patient: no id, no phone, no e-mail.")]


class _Patients:
    """The cards of a chunk, three queries for all of its rows."""

    def __init__(self, source_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
        ids = [row["patient"] for row in rows if row.get("patient")]
        phones = [row["phone"] for row in rows if row.get("phone") and not row.get("patient")]
        emails = [
            row["email"].lower() for row in rows
            if row.get("email") and not row.get("phone") and not row.get("patient")
        ]  # fmt: skip
        alive = Q(deleted_at__isnull=True)
        own = Patient.objects.filter(alive, source=source_id, external_id__in=ids)
        self.by_id = dict(own.values_list("external_id", "pk"))
        alone = Patient.objects.filter(alive, merged_into__isnull=True)
        self.by_phone = _grouped(alone.filter(phone__in=phones).values_list("phone", "pk", "guardian_id"))
        lowered = alone.exclude(email="").annotate(lowered=Lower("email")).filter(lowered__in=emails)
        self.by_email = _grouped(lowered.values_list("lowered", "pk", "guardian_id")) if emails else {}

    def one(self, line: Line) -> int | None:
        """The patient of a row; None with the reason among its errors."""
        said = line.said
        if said.get("patient"):
            found = self.by_id.get(said["patient"])
            if found is None:
                line.errors.setdefault("patient", [_("There is no patient with this id in the source.")])
            return found
        name = "phone" if said.get("phone") else "email"
        if not said.get(name) or name in line.errors:
            return None
        candidates = (self.by_phone if name == "phone" else self.by_email).get(said[name].lower(), [])
        if len(candidates) == 1:
            return candidates[0]
        problem = _("Several patients share this address: give the patient's id.")
        line.errors.setdefault(name, [problem if candidates else _("No patient has this address.")])
        return None


def _grouped(rows: "QuerySet[Patient, Any]") -> dict[str, list[int]]:
    """Whose address it is: of a guardian and their children the guardian's alone."""
    everybody: dict[str, dict[int, int | None]] = {}
    for address, pk, guardian in rows:
        everybody.setdefault(address, {})[pk] = guardian
    return {
        address: [pk for pk, guardian in people.items() if guardian not in people]
        for address, people in everybody.items()
    }

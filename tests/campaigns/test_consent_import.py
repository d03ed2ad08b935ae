"""Import of consents with their proof: good rows go in, each of the others says why not."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.services.consents import consent_import
from campaigns.services.consents.consent_import import import_file
from patients.files.readers import FileError
from patients.models import Consent, IngestBatch, Integration, Patient, Rejected
from patients.services.ingest import ingest
from tests.campaigns.making import NOW, make_patients

pytestmark = pytest.mark.django_db
HEAD = "пациент;телефон;e-mail;канал;цель;согласие;дата;версия текста;где получено;подтверждение"
PROOF = "2025-09;стойка;архив 1"


@pytest.fixture
def source(db: None) -> Integration:
    return Integration.objects.get_or_create(code="test")[0]


@pytest.fixture
def take(source: Integration, tmp_path: Path) -> Any:
    """Import lines below a heading; the finished batch."""

    def run(
        *lines: str, head: str = HEAD, defaults: dict[str, str] | None = None, name: str = "a.csv", raw: bytes = b""
    ) -> IngestBatch:
        path = tmp_path / "file"
        path.write_bytes(raw or "\n".join([head, *lines]).encode())
        batch = IngestBatch.objects.create(source=source, resource="consents", origin="file", file_name=name)
        return import_file(path, name, batch, defaults or {}, NOW)

    return run


def errors(batch: IngestBatch) -> dict[int, list[str]]:
    return {row.row: sorted(row.errors) for row in Rejected.objects.filter(batch=batch).order_by("row")}


def counts(batch: IngestBatch) -> tuple[int, int, int, int, int]:
    return batch.received, batch.created, batch.updated, batch.unchanged, batch.rejected


def test_each_bad_row_is_told_with_its_line_and_column_and_the_good_ones_go_in(take: Any) -> None:
    anna, boris = make_patients(2, consented=())
    batch = take(
        f"{anna.external_id};;;sms;реклама;да;01.09.2025 10:15;{PROOF}",
        f"unknown;;;sms;реклама;да;01.09.2025;{PROOF}",
        f";;;sms;реклама;да;01.09.2025;{PROOF}",
        f";12;;sms;реклама;да;01.09.2025;{PROOF}",
        f";+7 999 000-00-00;;sms;реклама;да;01.09.2025;{PROOF}",
        f";;nobody@example.org;e-mail;реклама;да;01.09.2025;{PROOF}",
        f"{anna.external_id};;;телеграф;реклама;да;01.09.2025;{PROOF}",
        f"{anna.external_id};;;sms;дружба;да;01.09.2025;{PROOF}",
        f"{anna.external_id};;;sms;реклама;наверное;01.09.2025;{PROOF}",
        f"{anna.external_id};;;sms;реклама;да;вчера;{PROOF}",
        f"{anna.external_id};;;sms;реклама;да;;{PROOF}",
        f"{anna.external_id};;;sms;реклама;да;01.09.2035;{PROOF}",
        f"{anna.external_id};;;sms;реклама;да;01.09.1925;{PROOF}",
        f"{anna.external_id};;;sms;реклама;да;01.09.2025;2025-09;стойка;",
        f"{anna.external_id};;;sms;реклама;да;01.09.2025;2025-09;;архив 1",
        f"{anna.external_id};;;sms;реклама;да;01.09.2025;{'x' * 41};{'y' * 121};{'z' * 201}",
        f"{anna.external_id};;;sms;реклама;да;02.09.2025;{PROOF}\x00",
        f";{boris.phone};;call;marketing;-;2025-09-01T10:00:00+03:00;;колл-центр;",
    )
    assert batch.state == "done"
    assert errors(batch) == {
        3: ["patient"], 4: ["patient"], 5: ["phone"], 6: ["phone"], 7: ["email"], 8: ["channel"], 9: ["purpose"],
        10: ["granted"], 11: ["at"], 12: ["at"], 13: ["at"], 14: ["at"], 15: ["proof"], 16: ["source"],
        17: ["proof", "source", "text_version"],
    }  # fmt: skip
    assert counts(batch) == (18, 3, 0, 0, 15)
    word = Consent.objects.get(patient=anna, until__isnull=False)
    assert (word.channel, word.purpose, word.granted) == ("sms", "marketing", True)
    assert (word.text_version, word.source, word.proof) == ("2025-09", "стойка", "архив 1")
    assert word.at == dt.datetime(2025, 9, 1, 7, 15, tzinfo=dt.UTC)  # 10:15 in Moscow
    assert "\x00" not in Consent.objects.get(patient=anna, until=None).proof
    refusal = Consent.objects.get(patient=boris)
    assert (refusal.channel, refusal.granted, refusal.proof) == ("call", False, "")
    assert not Patient.objects.filter(stub=True).exists()


def test_the_same_file_twice_changes_nothing(take: Any) -> None:
    (anna,) = make_patients(consented=())
    lines = [f"{anna.external_id};;;sms;реклама;да;01.09.2025;{PROOF}", f"x;;;sms;реклама;да;01.09.2025;{PROOF}"]
    assert counts(take(*lines)) == (2, 1, 0, 0, 1)
    assert counts(take(*lines)) == (2, 0, 0, 1, 1)
    assert Consent.objects.count() == 1
    assert Rejected.objects.count() == 1  # it moved to the newer batch
    changed = take(lines[0].replace("архив 1", "архив 2"))
    assert counts(changed) == (1, 0, 1, 0, 0)
    assert Consent.objects.get().proof == "архив 2"


def test_words_of_one_patient_become_periods_in_whatever_order(take: Any) -> None:
    (anna,) = make_patients(consented=())
    who = f"{anna.external_id};;;sms;реклама"
    take(f"{who};нет;03.09.2025;{PROOF}", f"{who};да;01.09.2025;{PROOF}")
    said = list(Consent.objects.order_by("at").values_list("granted", "at__day", "until__day"))
    assert [granted for granted, _at, _until in said] == [True, False]
    assert Consent.objects.get(granted=True).until == Consent.objects.get(granted=False).at
    assert Consent.objects.get(granted=False).until is None


def test_a_shared_phone_is_the_guardians_and_of_several_adults_nobodys(take: Any) -> None:
    (mother,) = make_patients(consented=(), phone="+79161112233")
    make_patients(consented=(), phone="+79161112233", guardian=mother)
    make_patients(2, consented=(), phone="+79162223344")
    batch = take(
        f";8 916 111-22-33;;sms;реклама;да;01.09.2025;{PROOF}", f";8 916 222 33 44;;sms;реклама;да;01.09.2025;{PROOF}"
    )
    assert errors(batch) == {3: ["phone"]}
    assert [word.patient for word in Consent.objects.all()] == [mother]


def test_merged_and_deleted_cards_are_seen_for_what_they_are(take: Any) -> None:
    kept, double, gone = make_patients(3, consented=())
    Patient.objects.filter(pk=double.pk).update(merged_into=kept)
    Patient.objects.filter(pk=gone.pk).update(deleted_at=NOW)
    batch = take(
        f"{double.external_id};;;sms;реклама;да;01.09.2025;{PROOF}",
        f"{gone.external_id};;;sms;реклама;да;01.09.2025;{PROOF}",
        f";;{gone.email};sms;реклама;да;01.09.2025;{PROOF}",
        f";;{kept.email.upper()};e-mail;реклама;да;01.09.2025;{PROOF}",
    )
    assert errors(batch) == {3: ["patient"], 4: ["email"]}
    assert set(Consent.objects.values_list("patient", "channel")) == {(kept.pk, "sms"), (kept.pk, "email")}


def test_what_the_form_says_fills_columns_the_file_has_not(take: Any) -> None:
    (anna,) = make_patients(consented=())
    defaults = {"channel": "sms", "purpose": "marketing", "granted": "yes", "source": "анкета", "proof": "папка 3"}
    batch = take(f"{anna.phone}\t2025-09-01", head="Телефон\tДата согласия", defaults=defaults)
    assert counts(batch) == (1, 1, 0, 0, 0)
    word = Consent.objects.get()
    assert (word.channel, word.granted, word.source, word.proof) == ("sms", True, "анкета", "папка 3")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_encoding_and_delimiter_are_found(take: Any, encoding: str, mark: str) -> None:
    (anna,) = make_patients(consented=())
    text = f"{HEAD}\n{anna.external_id};;;sms;реклама;да;01.09.2025;{PROOF}\n".replace(";", mark)
    assert counts(take(raw=text.encode(encoding))) == (1, 1, 0, 0, 0)
    assert Consent.objects.get().source == "стойка"


def test_excel_is_read(take: Any) -> None:
    (anna,) = make_patients(consented=())
    quarter_past_ten = dt.datetime(2025, 9, 1, 10, 15)  # noqa: DTZ001 - a cell of a spreadsheet knows no zone
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(";"))
    book.active.append([anna.external_id, None, None, "sms", "реклама", "да", quarter_past_ten, 2025.09, "стойка", 17])
    content = io.BytesIO()
    book.save(content)
    assert counts(take(raw=content.getvalue(), name="Согласия.XLSX")) == (1, 1, 0, 0, 0)
    word = Consent.objects.get()
    assert (word.text_version, word.proof) == ("2025.09", "17")
    assert word.at == dt.datetime(2025, 9, 1, 7, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", "канал;дата\nsms;01.09.2025".encode()),
        ("a.csv", "телефон;канал\n1;sms".encode()),
        ("a.xlsx", b"no excel at all"),
        ("a.csv", b"\x00\xff\xfe\x00" * 100),
        ("a.csv", "телефон;дата\n".encode() + b'"never closed;\n;;\n;;\n'),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(
    take: Any, source: Integration, settings: Any, tmp_path: Path, name: str, content: bytes
) -> None:
    settings.DATA_DIR = tmp_path / "data"
    before = IngestBatch.objects.count()
    with pytest.raises(FileError):
        consent_import.keep([content], name, source, {}, NOW)
    assert IngestBatch.objects.count() == before
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_an_upload_is_taken_in_once_and_leaves_nothing(source: Integration, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (anna,) = make_patients(consented=())
    content = f"{HEAD}\n{anna.external_id};;;sms;реклама;да;01.09.2025;{PROOF}\n".encode()
    upload = consent_import.keep([content[:20], content[20:]], "a.csv", source, {}, NOW)
    about = json.loads((tmp_path / "uploads" / upload / "consents.json").read_text())
    assert about["batch"] == IngestBatch.objects.get().pk
    for _again in range(2):
        consent_import.take_in(upload)
    assert list((tmp_path / "uploads").iterdir()) == []
    assert counts(IngestBatch.objects.get()) == (1, 1, 0, 0, 0)
    with pytest.raises(ValueError, match="UUID"):
        consent_import.take_in("../../etc")


def test_an_import_that_was_killed_is_counted_from_its_beginning(
    source: Integration, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(consent_import, "CHUNK", 2)
    people = make_patients(5, consented=())
    lines = [f"{one.external_id};;;sms;реклама;да;01.09.2025;{PROOF}" for one in people]
    upload = consent_import.keep(["\n".join([HEAD, *lines]).encode()], "a.csv", source, {}, NOW)
    take, calls = consent_import._take, []

    def die(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        take(*arguments)

    monkeypatch.setattr(consent_import, "_take", die)
    with pytest.raises(KeyboardInterrupt):
        consent_import.take_in(upload)
    assert IngestBatch.objects.get().state == "running"
    consent_import.take_in(upload)
    assert counts(IngestBatch.objects.get()) == (5, 3, 0, 2, 0)
    assert IngestBatch.objects.get().state == "done"
    assert Consent.objects.count() == 5


def test_the_number_of_queries_does_not_grow_with_the_rows(take: Any, django_assert_max_num_queries: Any) -> None:
    people = make_patients(60, consented=())
    lines = [f"{one.external_id};;;sms;реклама;да;01.09.2025;{PROOF}" for one in people[:20]]
    lines += [f";{one.phone};;sms;реклама;да;01.09.2025;{PROOF}" for one in people[20:40]]
    lines += [f";;{one.email};sms;реклама;да;01.09.2025;{PROOF}" for one in people[40:]]
    lines += [f"x{n};;;sms;реклама;да;01.09.2025;{PROOF}" for n in range(20)]
    with django_assert_max_num_queries(30):
        assert counts(take(*lines)) == (80, 60, 0, 0, 20)


def test_a_source_posts_the_proof_too(source: Integration) -> None:
    (anna,) = make_patients(consented=())
    word = {
        "patient": anna.external_id, "channel": "sms", "purpose": "marketing", "granted": True,
        "at": "2025-09-01T10:00:00+03:00",
    }  # fmt: skip
    for proof, expected in (("архив 7", "архив 7"), (None, "")):
        posted = word | ({"proof": proof} if proof else {})
        assert ingest(source, "consents", [posted]).rejected == []
        assert Consent.objects.get().proof == expected
    assert ingest(source, "consents", [word | {"proof": "x" * 201}]).rejected[0].errors.keys() == {"proof"}

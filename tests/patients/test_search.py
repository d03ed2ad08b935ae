"""Finding patients: what is typed, what is found, in what order, through which index."""

import pytest
from django.db import connection

from patients.models import Integration, Patient
from patients.selectors.search import POOL, listed, search, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Integration:
    return Integration.objects.create(code="mis")


def person(source: Integration, key: str, name: str, **fields: object) -> Patient:
    last, first, middle = (*name.split(), "", "", "")[:3]
    return Patient.objects.create(
        source=source, external_id=key, last_name=last, first_name=first, middle_name=middle, **fields
    )


@pytest.fixture
def people(source: Integration) -> dict[str, Patient]:
    return {
        "ivanov": person(source, "A-17", "Иванов Пётр Сергеевич", phone="+79161234567", email="ivan@mail.ru"),
        "ivanova": person(source, "A-18", "Иванова Анна", phone="+79037654321", email="anna_k@ya.ru"),
        "petrov": person(source, "B-100", "Петров Иван", phone="+74951112233"),
        "korolev": person(source, "C-5", "Королёв Семён"),
        "li": person(source, "C-6", "Ли Со"),
        "upper": person(source, "C-7", "ИВАНЦОВ ОЛЕГ"),
    }


def keys(text: str, people: dict[str, Patient]) -> list[str]:
    names = {patient.pk: name for name, patient in people.items()}
    return [names[patient.pk] for patient in search(text).patients]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("иванов пётр", {"ivanov"}),
        ("Петр ИВАНОВ", {"ivanov"}),
        ("королев", {"korolev"}),
        ("Королёв", {"korolev"}),
        ("семён королев", {"korolev"}),
        ("8 916 123-45-67", {"ivanov"}),
        ("+7 (916) 123 45 67", {"ivanov"}),
        ("8916123", {"ivanov"}),
        ("916 12", {"ivanov"}),
        ("4567", {"ivanov"}),
        ("7654321", {"ivanova"}),
        ("ivan@", {"ivanov"}),
        ("anna_k", {"ivanova"}),
        ("B-100", {"petrov"}),
        ("b-1", {"petrov"}),
        ("иванова 903 765", {"ivanova"}),
        ("иванова 916", set()),
        ("иван петров", {"petrov"}),
        ("ли", {"li"}),
        ("л", set()),
        ("12", set()),
        ("", set()),
        ("   ", set()),
        ("nobody", set()),
    ],
)
def test_what_is_typed_finds_whom_it_means(people: dict[str, Patient], text: str, expected: set[str]) -> None:
    assert set(keys(text, people)) == expected


@pytest.mark.parametrize(
    "text", ["%", "___", "%%%", "'; DROP TABLE", '"иванов"', "\\", "\x00\x00\x00", "a_n", "а%в", "*"]
)
def test_special_characters_are_literal(people: dict[str, Patient], text: str) -> None:
    assert keys(text, people) == []


def test_a_nul_between_letters_is_a_gap_and_no_error(people: dict[str, Patient]) -> None:
    assert keys("иванов\x00пётр", people) == ["ivanov"]


def test_whose_last_name_is_typed_stands_before_whose_first_name_contains_it(people: dict[str, Patient]) -> None:
    assert keys("иван", people) == ["ivanov", "ivanova", "upper", "petrov"]


def test_the_very_name_stands_before_its_longer_relatives(people: dict[str, Patient]) -> None:
    assert keys("иванов", people)[:2] == ["ivanov", "ivanova"]


def test_merged_and_deleted_patients_are_not_found(people: dict[str, Patient]) -> None:
    people["ivanova"].merged_into = people["ivanov"]
    people["ivanova"].save()
    Patient.objects.filter(pk=people["petrov"].pk).update(deleted_at="2026-01-01T00:00Z")
    assert keys("иван", people) == ["ivanov", "upper"]


def test_one_letter_is_said_to_be_too_short(people: dict[str, Patient]) -> None:
    assert search("и").too_short
    assert search("89").too_short
    assert not search("ив").too_short


def test_a_long_text_is_cut_and_not_an_error(people: dict[str, Patient]) -> None:
    assert keys("иванов " * 10_000, people) == ["ivanov", "ivanova"]
    assert len(words("a1 b2 c3 d4 e5 f6 g7 h8 i9 j10")) == 8


def generate(source: Integration, count: int, every: int = 40) -> None:
    """Many patients by SQL; one of `every` is an Ivanov, the others have syllables for names."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO patients_patient (source_id, external_id, last_name, first_name, phone, email)
            SELECT %s, 'G' || n,
                   CASE WHEN n %% %s = 0 THEN 'Иванов'
                        ELSE initcap((ARRAY['ба','ве','го','ду','жи','ла'])[1 + n %% 6] || md5(n::text)) END,
                   (ARRAY['Пётр','Анна','Олег','Ольга'])[1 + n %% 4],
                   '+7' || (9000000000 + n * 7919 %% 999999937)::text, 'u' || n || '@mail.ru'
            FROM generate_series(1, %s) n
            """,
            [source.pk, every, count],
        )
        cursor.execute("ANALYZE patients_patient")


def plan(queryset: object) -> str:
    return str(queryset.explain())  # type: ignore[attr-defined]


def test_many_matches_are_limited_with_the_best_first(source: Integration, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    generate(source, 3 * (POOL + 50), every=3)
    other = person(source, "X", "Абрамов Иванов")
    with django_assert_max_num_queries(2):
        found = search("иванов")
    assert found.more and len(found.patients) == 50
    assert {patient.last_name for patient in found.patients} == {"Иванов"}
    assert other not in found.patients
    with django_assert_max_num_queries(1):
        assert search("абрамов иванов").patients == [other]


def test_the_trigram_index_answers_and_the_table_is_not_scanned(source: Integration) -> None:
    from patients.selectors.search import _containing

    generate(source, 25_000)
    for text in ("жиabc", "8 916 123-45", "u2999@mail", "иванов 90112"):
        shown = plan(listed().filter(_containing(words(text))).order_by()[:POOL])
        assert "patient_search" in shown, f"{text}: {shown}"
        assert "Seq Scan" not in shown, f"{text}: {shown}"


def test_two_letters_go_through_the_name_index(source: Integration) -> None:
    generate(source, 10_000)
    shown = plan(listed().filter(last_name__startswith="Ли").order_by("last_name", "first_name", "id")[:51])
    assert "patient_by_name" in shown and "Seq Scan" not in shown, shown

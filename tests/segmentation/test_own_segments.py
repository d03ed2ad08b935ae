"""Own segments: by conditions and by lists, in the night, on their pages."""

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from segmentation.models import ListedPatient, Membership, Segment, Segmentation, SegmentTotal
from segmentation.services import audiences, lists, own
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, D, everything, night
from tests.segmentation.pages import reader

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)
MAY = ("segmentation.view_segment", "segmentation.change_segment", "patients.view_patient")
WOMEN = {"attribute": "sex", "is": "in", "value": ["female"]}
LATELY = {"attribute": "visit", "is": "last", "ago": {"to": 10, "unit": "days"}}


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def rule(code: str, where: dict[str, Any], name: str = "Свой") -> Segmentation:
    return own.save_rule(code, own.Look(name), where)


def inside(code: str) -> set[int]:
    held = Membership.objects.filter(segmentation__code=code, left_on=None)
    return set(held.values_list("patient", flat=True))


def test_rule_lives_through_nights_with_its_history(clinic: Clinic) -> None:
    patient = clinic.patient()
    clinic.visit(patient, FIRST - 5 * DAY)
    rule("own-aaaaaa", LATELY)
    for number in (0, 4, 5, 6):
        night(FIRST + number * DAY)
    (held,) = Membership.objects.filter(segmentation__code="own-aaaaaa")
    assert (held.patient_id, held.entered_on, held.left_on) == (patient.pk, FIRST, FIRST + 5 * DAY)
    totals = SegmentTotal.objects.filter(segment__segmentation__code="own-aaaaaa").order_by("as_of")
    assert list(totals.values_list("patients", "entered", "left")) == [(1, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 0)]


def test_the_same_night_again_ends_in_the_same_rows(clinic: Clinic) -> None:
    for number in range(6):
        patient = clinic.patient(sex="female" if number % 2 else "male")
        clinic.visit(patient, FIRST - number * 3 * DAY)
    rule("own-aaaaaa", {"any": [WOMEN, LATELY]})
    rule("own-bbbbbb", {"attribute": "segment", "is": "in", "value": ["lifecycle:new", "own-aaaaaa:members"]})
    night(FIRST)
    night(FIRST + DAY)
    before = everything()
    night(FIRST + DAY)
    assert everything() == before


def test_rule_about_segments_sees_those_of_the_same_night(clinic: Clinic) -> None:
    clinic.visit(woman := clinic.patient(sex="female"), FIRST)
    clinic.visit(clinic.patient(sex="male"), FIRST)
    # Made first, and about the one made after it.
    rule("own-bbbbbb", {"not": {"attribute": "segment", "is": "in", "value": ["own-aaaaaa:members"]}})
    rule("own-aaaaaa", {"all": [WOMEN, {"attribute": "segment", "is": "in", "value": ["lifecycle:new"]}]})
    night(FIRST)
    assert inside("own-aaaaaa") == {woman.pk}
    assert woman.pk not in inside("own-bbbbbb")
    assert len(inside("own-bbbbbb")) == 1


def test_saved_segment_is_filled_at_once_as_of_the_last_night(clinic: Clinic) -> None:
    woman = clinic.patient(sex="female")
    clinic.patient(sex="male")
    segmentation = rule("own-aaaaaa", WOMEN)
    assert own.settle(segmentation) is False  # no night yet
    night(FIRST)
    segmentation = rule("own-bbbbbb", WOMEN)
    assert own.settle(segmentation) is True
    assert inside("own-bbbbbb") == {woman.pk}
    before = everything()
    night(FIRST)
    assert everything() == before  # the night finds what has been settled
    own.settle(rule("own-bbbbbb", {"not": WOMEN}))
    assert woman.pk not in inside("own-bbbbbb")


def test_conditions_that_no_longer_hold_good_stop_neither_the_night_nor_empty_the_segment(clinic: Clinic) -> None:
    service = clinic.service()
    clinic.visit(patient := clinic.patient(), FIRST, [(service, 100)])
    rule("own-aaaaaa", {"attribute": "service_visit", "is": "any", "services": [service.pk]})
    night(FIRST)
    Segmentation.objects.filter(code="own-aaaaaa").update(
        params={"where": {"attribute": "service_visit", "is": "any", "services": [999_999]}}
    )
    night(FIRST + DAY)
    assert inside("own-aaaaaa") == {patient.pk}
    assert own.in_words(Segmentation.objects.get(code="own-aaaaaa"))["broken"]


def test_segment_must_not_be_made_of_itself() -> None:
    a, b = ({"attribute": "segment", "is": "in", "value": [f"own-{code}:members"]} for code in ("aaaaaa", "bbbbbb"))
    rule("own-aaaaaa", WOMEN)
    rule("own-bbbbbb", a)
    assert [problem.path for problem in own.problems("own-aaaaaa", {"not": b})] == ["where"]
    assert [problem.path for problem in own.problems("own-aaaaaa", a)] == ["where"]
    assert own.problems("own-cccccc", {"all": [a, b]}) == []


def test_archive_empties_the_segment_and_it_can_come_back(clinic: Clinic) -> None:
    woman = clinic.patient(sex="female")
    segmentation = rule("own-aaaaaa", WOMEN)
    rule("own-bbbbbb", user := {"attribute": "segment", "is": "in", "value": ["own-aaaaaa:members"]})
    night(FIRST)
    night(FIRST + DAY)
    with pytest.raises(own.InUseError):
        own.archive(segmentation)
    rule("own-bbbbbb", WOMEN)
    own.archive(segmentation)
    own.archive(segmentation)
    assert inside("own-aaaaaa") == set()
    assert audiences.problems(user)
    night(FIRST + 2 * DAY)
    segmentation.refresh_from_db()
    own.restore(segmentation)
    assert inside("own-aaaaaa") == {woman.pk}
    night(FIRST + 3 * DAY)
    assert inside("own-aaaaaa") == {woman.pk}


def test_list_names_people_by_phone_address_and_card(clinic: Clinic) -> None:
    mother = clinic.patient(phone="+79161234567")
    child = clinic.patient(phone="+79161234567")
    writer = clinic.patient(email="Anna@example.org")
    kept = clinic.patient()
    merged = clinic.patient(merged_into=kept)
    gone = clinic.patient(phone="+79167654321", deleted_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    text = f"8 (916) 123-45-67\n\nanna@EXAMPLE.org; x\n{merged.external_id}\nникто\n{gone.phone}"
    found = lists.match(lists.pasted_rows(text))
    assert found.patients == {mother.pk, child.pk, writer.pk, kept.pk}
    assert [(row.number, row.text) for row in found.nobody] == [(5, "никто"), (6, "+79167654321")]
    assert (found.rows, found.several) == (5, 1)


def test_listed_people_are_members_until_they_are_taken_off(clinic: Clinic) -> None:
    one, two = clinic.patient(), clinic.patient()
    own.save_list("own-aaaaaa", own.Look("Список"), [one.pk], replace=False)
    night(FIRST)
    assert inside("own-aaaaaa") == {one.pk}
    own.save_list("own-aaaaaa", own.Look("Список"), [two.pk, two.pk], replace=False)
    own.settle(Segmentation.objects.get(code="own-aaaaaa"))
    assert inside("own-aaaaaa") == {one.pk, two.pk}
    own.save_list("own-aaaaaa", own.Look("Список"), [two.pk], replace=True)
    night(FIRST + DAY)
    assert inside("own-aaaaaa") == {two.pk}


def excel(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "Имя;Телефон\nАнна;+7 916 123-45-67\nПётр;+7 999 000-00-00\n".encode("cp1251")),
        ("list.csv", "имя,телефон\nАнна,89161234567\nПётр,89990000000\n".encode()),
        ("list.xlsx", excel([["Имя", "Телефон"], ["Анна", 79161234567], ["Пётр", 79990000000]])),
    ],
)
def test_lists_come_as_files(clinic: Clinic, name: str, content: bytes) -> None:
    patient = clinic.patient(phone="+79161234567")
    posted = {"code": "own-aaaaaa", "name": "Акция", "colour": "#112233", "file": SimpleUploadedFile(name, content)}
    answer = reader(*MAY).post(reverse("list_new"), posted)
    assert answer.status_code == 200
    assert "Пётр" in answer.content.decode()
    assert '<td class="is-number">3</td>' in answer.content.decode()
    assert list(ListedPatient.objects.values_list("patient", flat=True)) == [patient.pk]


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"", b'"never closed\n1\n2\n'])
def test_file_that_is_no_list_is_told(content: bytes) -> None:
    upload = SimpleUploadedFile("list.xlsx" if content[:1] == b"\x00" else "list.csv", content)
    answer = reader(*MAY).post(
        reverse("list_new"), {"code": "own-aaaaaa", "name": "Акция", "colour": "#112233", "file": upload}
    )
    assert answer.status_code == 200
    assert "is-bad" in answer.content.decode()
    assert not Segmentation.objects.filter(kind="listed").exists()


# --- Pages ---------------------------------------------------------------------------------------------------------


def posted(where: str, **changed: str) -> dict[str, str]:
    return {"code": "own-abcdef", "name": "Женщины", "name_en": "Women", "colour": "#112233", "where": where, **changed}


def test_who_may_only_look_makes_no_segment() -> None:
    looker = reader("segmentation.view_segment", "patients.view_patient")
    for name in ("own_new", "list_new"):
        assert looker.get(reverse(name)).status_code == 403
        assert looker.post(reverse(name), posted("{}")).status_code == 403
    assert Client().post(reverse("audience_count"), {"where": "{}"}).status_code == 302
    assert reader().post(reverse("audience_count"), {"where": "{}"}).status_code == 403
    assert reader().get(reverse("audience_options"), {"source": "branch"}).status_code == 403
    assert not Segmentation.objects.filter(kind="rule").exists()


def test_form_sent_twice_makes_one_segment(clinic: Clinic) -> None:
    clinic.patient(sex="female")
    night(FIRST)
    marketer = reader(*MAY)
    tree = '{"all": [{"attribute": "sex", "is": "in", "value": ["female"]}]}'
    for _twice in range(2):
        answer = marketer.post(reverse("own_new"), posted(tree))
        assert answer.headers["Location"] == reverse("segment", args=["own-abcdef", "members"])
    assert Segment.objects.filter(segmentation__kind="rule").count() == 1
    page = marketer.get(answer.headers["Location"]).content.decode()
    assert "Women" in page
    assert "Sex: female." in page
    overview = marketer.get(reverse("segments")).content.decode()
    assert "Sex: female." in overview
    edit = marketer.get(reverse("own_edit", args=["own-abcdef"]))
    assert edit.context["tree"] == {"all": [WOMEN]}


@pytest.mark.parametrize("where", ["", "{", "[]", '{"attribute": "x"}', '{"any": []}', "[" * 5000, "null"])
def test_broken_conditions_come_back_with_the_form(where: str) -> None:
    answer = reader(*MAY).post(reverse("own_new"), posted(where))
    if where == "":  # nothing said: everybody
        assert answer.status_code == 302
        return
    assert answer.status_code == 200
    assert not Segmentation.objects.filter(kind="rule").exists()
    assert "Женщины" in answer.content.decode()


def test_foreign_codes_are_not_taken() -> None:
    marketer = reader(*MAY)
    night(FIRST)
    assert marketer.post(reverse("own_new"), posted("{}", code="rfm")).status_code == 200
    own.save_list("own-abcdef", own.Look("Список"), [], replace=False)
    assert marketer.post(reverse("own_new"), posted("{}")).status_code == 404
    assert Segmentation.objects.get(code="own-abcdef").kind == "listed"


def test_count_answers_with_size_and_sentence_or_problems(clinic: Clinic) -> None:
    clinic.patient(sex="female")
    clinic.patient(sex="male")
    night(FIRST)
    marketer = reader("segmentation.view_segment")

    def asked(where: str) -> dict[str, Any]:
        answer = marketer.post(reverse("audience_count"), {"where": where})
        assert answer.status_code == 200
        return dict(answer.json())

    tree = '{"attribute": "sex", "is": "in", "value": ["female"]}'
    assert asked(tree) == {
        "patients": 1, "exact": True, "count": "1 patient", "share": "50\u00a0% of the base", "sentence": "Sex: female",
        "problems": [],
    }  # fmt: skip
    assert asked('{"attribute": "sex", "is": "in", "value": []}')["problems"][0]["path"] == "where.value"
    for broken in ("", "{", "[" * 100_000, '{"all": ' * 3000):
        assert asked(broken)["problems"]


def test_options_are_found_by_part_of_the_name(clinic: Clinic) -> None:
    clinic.service("Чистка лица")
    brows = clinic.service("Перманентный макияж бровей")
    marketer = reader("segmentation.view_segment")
    found = marketer.get(reverse("audience_options"), {"source": "service", "q": "МАКИЯЖ"}).json()
    assert found == {"options": [[brows.pk, "Перманентный макияж бровей"]]}
    assert marketer.get(reverse("audience_options"), {"source": "user", "q": "a"}).status_code == 404
    rule("own-aaaaaa", WOMEN, "Женщины")
    segments = marketer.get(reverse("audience_options"), {"source": "segment", "q": "женщ"}).json()["options"]
    assert segments == [["own-aaaaaa:members", "Женщины"]]


def test_archive_button(clinic: Clinic) -> None:
    rule("own-aaaaaa", WOMEN)
    night(FIRST)
    marketer = reader(*MAY)
    assert marketer.get(reverse("own_archive", args=["own-aaaaaa"])).status_code == 405
    marketer.post(reverse("own_archive", args=["own-aaaaaa"]))
    assert marketer.get(reverse("segment", args=["own-aaaaaa", "members"])).status_code == 404
    assert reverse("own_archive", args=["own-aaaaaa"]) in marketer.get(reverse("segments")).content.decode()
    marketer.post(reverse("own_archive", args=["own-aaaaaa"]), {"restore": ""})
    assert marketer.get(reverse("segment", args=["own-aaaaaa", "members"])).status_code == 200
    assert marketer.post(reverse("own_archive", args=["rfm"])).status_code == 404

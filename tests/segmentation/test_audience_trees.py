"""Trees from strangers: what is wrong is named with its place, and nothing of it ever becomes SQL."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patients.models import Branch, Integration, Patient, Service, ServiceGroup
from segmentation.models import Segment, Segmentation
from segmentation.services import audiences
from segmentation.services.defaults import ensure_defaults
from tests.segmentation.clinic import Clinic

pytestmark = pytest.mark.django_db
AS_OF = dt.date(2026, 8, 31)
AGE = {"attribute": "age", "is": "between", "value": [25, 55]}


def paths(tree: Any) -> list[str]:
    return [problem.path for problem in audiences.problems(tree)]


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        (None, "where"),
        ([], "where"),
        ("DROP TABLE patients_patient", "where"),
        ({"or": []}, "where"),
        ({"all": [], "any": []}, "where"),
        ({"all": {}}, "where.all"),
        ({"any": []}, "where.any"),
        ({"not": {}}, "where.not"),
        ({"all": [AGE, 5]}, "where.all[1]"),
        ({"all": [AGE, {"any": [AGE, {"attribute": "shoe size"}]}]}, "where.all[1].any[1].attribute"),
        ({"attribute": {"$gt": ""}, "is": "in"}, "where.attribute"),
        ({"attribute": "age"}, "where.is"),
        ({"attribute": "age", "is": "; DROP TABLE patients_patient"}, "where.is"),
        ({"attribute": "age", "is": ["between"]}, "where.is"),
        ({"attribute": "age", "is": "between"}, "where.value"),
        ({"attribute": "age", "is": "between", "value": [55, 25]}, "where.value"),
        ({"attribute": "age", "is": "between", "value": [25, "55"]}, "where.value"),
        ({"attribute": "age", "is": "between", "value": [25, None]}, "where.value"),
        ({"attribute": "age", "is": "at_least", "value": True}, "where.value"),
        ({"attribute": "age", "is": "at_least", "value": 25.5}, "where.value"),
        ({"attribute": "age", "is": "at_least", "value": -1}, "where.value"),
        ({"attribute": "age", "is": "at_least", "value": 10**400}, "where.value"),
        ({"attribute": "money", "is": "at_least", "value": float("inf")}, "where.value"),
        ({"attribute": "money", "is": "at_least", "value": float("nan")}, "where.value"),
        ({**AGE, "sql": "1=1"}, "where.sql"),
        ({"attribute": "sex", "is": "in", "value": []}, "where.value"),
        ({"attribute": "sex", "is": "in", "value": ["robot"]}, "where.value"),
        ({"attribute": "sex", "is": "in", "value": [["female"]]}, "where.value"),
        ({"attribute": "city", "is": "in", "value": ["Мо\0сква"]}, "where.value"),
        ({"attribute": "city", "is": "in", "value": ["x" * 201]}, "where.value"),
        ({"attribute": "home_branch", "is": "in", "value": [404]}, "where.value"),
        ({"attribute": "home_branch", "is": "in", "value": ["1 OR 1=1"]}, "where.value"),
        ({"attribute": "home_branch", "is": "in", "value": [2**40]}, "where.value"),
        ({"attribute": "segment", "is": "in", "value": ["rfm:nobody"]}, "where.value"),
        ({"attribute": "visit", "is": "any", "ago": {"unit": "months"}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "ago": {"to": 3, "unit": "moons"}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "ago": {"to": 3, "unit": ["days"]}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "ago": {"from": 3, "to": 3, "unit": "days"}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "ago": {"to": 10**9, "unit": "years"}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "ago": {"to": float("inf"), "unit": "days"}}, "where.ago"),
        ({"attribute": "visit", "is": "any", "count": {"at_least": 0}}, "where.count"),
        ({"attribute": "visit", "is": "any", "count": {"at_least": 3, "at_most": 2}}, "where.count"),
        ({"attribute": "visit", "is": "any", "branch": [404]}, "where.branch"),
        ({"attribute": "service_visit", "is": "first"}, "where.groups"),
        ({"attribute": "last_visit", "is": "since", "value": "2026-02-30"}, "where.value"),
        ({"attribute": "last_visit", "is": "since", "value": "0001-01-01"}, "where.value"),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value, default=str)[:60],
)
def test_wrong_trees_are_named_with_their_place(tree: Any, path: str) -> None:
    assert paths(tree) == [path]
    with pytest.raises(audiences.BrokenAudienceError):
        audiences.members_sql(tree, AS_OF)


def test_several_problems_are_all_named() -> None:
    tree = {"all": [{"attribute": "x"}, AGE, {"not": {"attribute": "age", "is": "at_least"}}]}
    assert paths(tree) == ["where.all[0].attribute", "where.all[2].not.value"]


def test_trees_are_bounded_in_depth_and_size() -> None:
    deep: dict[str, Any] = AGE
    for _level in range(30):
        deep = {"all": [deep]}
    assert len(paths(deep)) == 1
    assert paths({"all": [AGE] * 5000}) == ["where.all[199]"]
    assert paths({"attribute": "sex", "is": "in", "value": ["female"] * 1001}) == ["where.value"]


def test_problems_are_told_in_the_language_of_the_reader() -> None:
    assert audiences.problems({"attribute": "age", "is": "at_least", "value": 1000})[0].message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["all", "any", "not", "attribute", "age", "visit", "segment", "in", "any", "ago", "value"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["all", "any", "not", "attribute", "is", "value", "ago", "count", "x"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None, database=None)
@given(JSON)
def test_whatever_comes_is_either_refused_or_can_be_asked(tree: Any) -> None:
    if not audiences.problems(tree):
        audiences.count(tree, AS_OF)
        audiences.sentence(tree)


def test_texts_are_values_and_never_sql() -> None:
    clinic = Clinic()
    town = "'); DELETE FROM patients_patient; -- %s %(w0)s {p}"
    patient = clinic.patient(city=town)
    clinic.patient(city="Тверь")
    tree = {
        "any": [
            {"attribute": "city", "is": "in", "value": [town]},
            {"attribute": "discount", "is": "promo", "promo": [town]},
        ]
    }
    sql, _params = audiences.members_sql(tree, AS_OF)
    assert "DELETE" not in sql
    assert [one.pk for one in audiences.sample(tree, AS_OF)] == [patient.pk]
    assert Patient.objects.count() == 2


@pytest.fixture
def flagship() -> dict[str, Any]:
    ensure_defaults()
    source = Integration.objects.create(code="words")
    branch = Branch.objects.create(name="Таганка", source=source, external_id="b")
    group = ServiceGroup.objects.create(name="Перманентный макияж")
    Service.objects.create(name="Брови", group=group, source=source, external_id="s")
    return {
        "all": [
            {"attribute": "segment", "is": "in", "value": ["rfm:at_risk", "rfm:cant_lose"]},
            AGE,
            {"attribute": "service_visit", "is": "first", "groups": [group.pk], "branch": [branch.pk],
             "ago": {"from": 12, "to": 18, "unit": "months"}},
            {"not": {"attribute": "appointment", "is": "any"}},
        ]
    }  # fmt: skip


def test_flagship_reads_like_a_sentence(flagship: dict[str, Any]) -> None:
    assert audiences.sentence(flagship, "en") == (
        "In the segment “At risk” or “Can't lose”; age 25–55 years; first service of the group “Перманентный макияж” "
        "12–18 months ago in the branch “Таганка”; has no appointment"
    )
    assert audiences.sentence(flagship, "ru") == (
        "В сегменте «В зоне риска» или «Нельзя потерять»; возраст 25–55 лет; первая услуга группы «Перманентный "
        "макияж» 12–18 месяцев назад в филиале «Таганка»; нет записи"
    )


@pytest.mark.parametrize(
    ("tree", "english", "russian"),
    [
        ({}, "All patients", "Все пациенты"),
        ({"attribute": "age", "is": "at_least", "value": 21}, "Age 21 years or more", "Возраст от 21 года"),
        ({"attribute": "age", "is": "exactly", "value": 22}, "Age 22 years", "Возраст 22 года"),
        ({"attribute": "r", "is": "at_most", "value": 3}, "R score: 3 or less", "Оценка R: не больше 3"),
        (
            {"not": {"attribute": "visit", "is": "any", "ago": {"to": 12, "unit": "months"}}},
            "Was not here within the last 12 months", "Не были в клинике за последние 12 месяцев",
        ),
        (
            {"attribute": "visit", "is": "any", "count": {"at_most": 0}, "ago": {"to": 1, "unit": "years"}},
            "Was not here within the last year", "Не были в клинике за последний год",
        ),
        (
            {"attribute": "visit", "is": "any", "count": {"at_least": 2}, "ago": {"to": 21, "unit": "days"}},
            "Was here 2 times or more within the last 21 days", "Были в клинике 2 раза или больше за последний 21 день",
        ),
        (
            {"attribute": "due", "is": "ahead", "value": {"to": 2, "unit": "weeks"}},
            "Due within the next 2 weeks", "Срок визита в ближайшие 2 недели",
        ),
        (
            {"attribute": "paid", "is": "at_least", "value": 10000, "ago": {"from": 1, "unit": "years"}},
            "Paid 10\u202f000\u00a0₽ or more 1 year ago or earlier",
            "Оплатили не меньше 10\u202f000\u00a0₽ 1 год назад или раньше",
        ),
        (
            {"any": [{"attribute": "birthday", "is": "this_month"},
                     {"all": [{"attribute": "has_phone", "is": "yes"}, {"attribute": "has_email", "is": "no"}]}]},
            "Birthday this month; or (has a phone and has no e-mail)",
            "День рождения в этом месяце; или (есть телефон и нет e-mail)",
        ),
        (
            {"attribute": "score", "is": "last", "value": [0, 6], "ago": {"to": 3, "unit": "months"}},
            "Last score 0–6 within the last 3 months", "Последняя оценка 0–6 за последние 3 месяца",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_conditions_in_words(tree: dict[str, Any], english: str, russian: str) -> None:
    assert audiences.sentence(tree, "en") == english
    assert audiences.sentence(tree, "ru") == russian


def test_long_lists_are_counted(flagship: dict[str, Any]) -> None:
    codes = [f"rfm:{segment.code}" for segment in Segment.objects.filter(segmentation__code="rfm")]
    said = audiences.sentence({"attribute": "segment", "is": "in", "value": codes}, "en")
    assert said.endswith("or 5 more")


def test_archived_segment_is_no_choice(flagship: dict[str, Any]) -> None:
    Segmentation.objects.filter(code="rfm").update(active=False)
    assert paths(flagship) == ["where.all[0].value", "where.all[0].value"]


def test_size_falls_back_on_an_estimate_when_time_is_over(flagship: dict[str, Any]) -> None:
    clinic = Clinic()
    for _n in range(300):
        clinic.patient()
    assert audiences.size({}, AS_OF) == (300, True)
    # Three hundred patients squared and squared again take longer than a millisecond.
    slow = {"any": [{"attribute": "visit", "is": "any"}, {"not": flagship}] * 20}
    assert audiences.size(slow, AS_OF, seconds=0.001).exact is False
    assert audiences.size({}, AS_OF) == (300, True)

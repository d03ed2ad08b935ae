"""Random conditions over random clinics: the compiled SQL and a plain reading of the docs name the same people."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from segmentation.attributes import ATTRIBUTES, Attribute, Field, Operator
from segmentation.services import audiences
from tests.segmentation.audience_base import RandomClinic
from tests.segmentation.audience_reading import READINGS, everybody, holds
from tests.segmentation.test_audience_borders import members

pytestmark = pytest.mark.django_db

# Month ends, where calendar months and days part; the middle of a month; a leap day.
DAYS = [dt.date(2026, 8, 31), dt.date(2024, 2, 29), dt.date(2025, 3, 30), dt.date(2026, 11, 15)]


def windows() -> SearchStrategy[dict[str, Any]]:
    borders = st.tuples(st.sampled_from([None, 0, 1, 6, 7, 12]), st.sampled_from([None, 1, 7, 12, 18, 30]))
    units = st.sampled_from(["days", "weeks", "months", "years"])
    made = st.builds(lambda pair, unit: {"from": pair[0], "to": pair[1], "unit": unit}, borders, units)
    return made.filter(lambda w: any(v is not None for v in (w["from"], w["to"]))
                       and (w["to"] is None or w["to"] > (w["from"] or 0)))  # fmt: skip


def values(field: Field, clinic: RandomClinic) -> SearchStrategy[Any]:
    numbers = [0, 1, 2, 5, 6, 9, 10] if field.most <= 10 else [0, 1, 2, 5, 18, 25, 30, 56, 99.99, 100, 1000]
    fitting = [n for n in numbers if field.least <= n <= field.most and (not field.whole or n == int(n))]
    number = st.sampled_from(fitting)
    ids = {
        "branch": [one.pk for one in clinic.branches], "doctor": [one.pk for one in clinic.doctors],
        "service": [one.pk for one in clinic.services], "group": [one.pk for one in clinic.groups],
        "channel": [one.pk for one in clinic.channels],
        "segment": [f"{one.segmentation.code}:{one.code}" for one in clinic.segments],
    }.get(field.source, ["Москва", "Тверь"] if field.name == "value" else ["spring", "OTHER"])  # fmt: skip
    codes = [code for code, _label in field.choices] or ids
    days = [clinic.as_of + dt.timedelta(days=n) for n in (-400, -31, -1, 0, 1, 7)]
    counts = [{"at_least": 1}, {"at_least": 2}, {"at_most": 0}, {"at_most": 1}, {"at_least": 1, "at_most": 2},
              {"at_least": 0, "at_most": 1}]  # fmt: skip
    return {
        "number": number,
        "range": st.tuples(number, number).map(lambda pair: sorted(pair)),
        "days": windows(),
        "date": st.sampled_from([day.isoformat() for day in days]),
        "count": st.sampled_from(counts),
        "choice": st.sampled_from(codes),
        **dict.fromkeys(
            ("choices", "ids", "texts"), st.lists(st.sampled_from(codes), min_size=1, max_size=2, unique=True)
        ),
    }[field.kind]


def leaves_of(attribute: Attribute, operator: Operator, clinic: RandomClinic) -> SearchStrategy[dict[str, Any]]:
    required = {field.name: values(field, clinic) for field in operator.fields if field.required}
    optional = {field.name: values(field, clinic) for field in operator.fields if not field.required}
    filled = st.fixed_dictionaries(required, optional=optional)
    if attribute.one_of:
        filled = filled.filter(lambda leaf: any(leaf.get(name) for name in attribute.one_of))
    return filled.map(lambda leaf: {"attribute": attribute.code, "is": operator.code, **leaf})


def leaves(clinic: RandomClinic) -> SearchStrategy[dict[str, Any]]:
    return st.one_of([leaves_of(one, operator, clinic) for one in ATTRIBUTES.values() for operator in one.operators])


def trees(clinic: RandomClinic) -> SearchStrategy[dict[str, Any]]:
    return st.recursive(
        leaves(clinic),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    )


def agree(tree: dict[str, Any], clinic: RandomClinic, people: list[Any]) -> None:
    assert audiences.problems(tree) == []
    expected = [person.card.pk for person in people if holds(person, tree)]
    assert members(tree, clinic.as_of) == expected, audiences.sentence(tree, "en")
    assert audiences.sentence(tree, "en")


CHECKED = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)  # fmt: skip


@pytest.mark.parametrize("as_of", DAYS, ids=str)
def test_single_conditions_name_the_same_people(as_of: dt.date) -> None:
    clinic = RandomClinic(as_of.toordinal(), as_of)
    people = everybody(as_of)

    @settings(CHECKED, max_examples=100)
    @given(leaves(clinic))
    def check(leaf: dict[str, Any]) -> None:
        agree(leaf, clinic, people)

    check()


@pytest.mark.parametrize("as_of", DAYS, ids=str)
def test_trees_name_the_same_people(as_of: dt.date) -> None:
    clinic = RandomClinic(as_of.toordinal() + 1, as_of)
    people = everybody(as_of)

    @settings(CHECKED, max_examples=60)
    @given(trees(clinic))
    def check(tree: dict[str, Any]) -> None:
        agree(tree, clinic, people)

    check()


def test_every_attribute_and_operator_is_read_twice() -> None:
    """Each operator at least once, whatever chance brings: with all its fields and with the needed ones only."""
    clinic = RandomClinic(1, DAYS[0], people=20)
    people = everybody(clinic.as_of)
    assert ATTRIBUTES.keys() == READINGS.keys()
    for attribute in ATTRIBUTES.values():
        for operator in attribute.operators:
            made = leaves_of(attribute, operator, clinic)

            @settings(CHECKED, max_examples=4)
            @given(made)
            def check(leaf: dict[str, Any]) -> None:
                agree(leaf, clinic, people)

            check()


def test_matches_says_for_each_condition_what_the_query_says() -> None:
    clinic = RandomClinic(2, DAYS[1])
    people = everybody(clinic.as_of)

    @settings(CHECKED, max_examples=20)
    @given(st.lists(trees(clinic), min_size=1, max_size=3))
    def check(parts: list[dict[str, Any]]) -> None:
        for person in people[:4]:
            said = audiences.matches(person.card.pk, {"all": parts}, clinic.as_of)
            assert [held for _sentence, held in said] == [holds(person, part) for part in parts]

    check()

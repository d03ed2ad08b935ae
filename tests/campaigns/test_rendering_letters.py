"""A letter from what was written: blocks and MJML, plain twin, links, filters, conditions."""

import datetime as dt
from typing import Any

import pytest

from campaigns.rendering import NotRendered, compile_text, fast, render
from campaigns.rendering.liquid_env import environment
from campaigns.rendering.variables import CATALOGUE, nearest, sample

FIRST = "Анна"


def filled(source: str, language: str = "ru", full: bool = True, **values: Any) -> str:
    return render(compile_text("sms", "", "", source, language), {**sample(language, full), **values}).plain


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ patient.first_name | case: "dative" }}', "Анне"),
        ("{{ 12345 | money }}", "12\u202f345\u00a0₽"),
        ("{{ 12345.5 | money }}", "12\u202f345,50\u00a0₽"),
        ("{{ offer.valid_until | day }}", "31 мая"),
        ("{{ offer.valid_until | date }}", "31 мая 2026 г."),
        ("{{ offer.valid_until }}", "31 мая 2026 г."),
        ("{{ last_visit.date }}", "14 марта 2026 г."),
        ('{{ offer.valid_until | date: "short" }}', "31.05.2026"),
        ("{{ patient.birth_date | age }}", "42"),
        ('{{ 1 | plural: "визит", "визита", "визитов" }}', "визит"),
        ('{{ 3 | plural: "визит", "визита", "визитов" }}', "визита"),
        ('{{ 11 | plural: "визит", "визита", "визитов" }}', "визитов"),
        ('{{ 21 | plural: "визит", "визита", "визитов" }}', "визит"),
        ('{{ 112 | plural: "визит", "визита", "визитов" }}', "визитов"),
        ('{{ last_visit.services | join: ", " }}', "Чистка лица, Пилинг"),
        ("{% for one in last_visit.services %}{{ forloop.index }}. {{ one }} {% endfor %}", "1. Чистка лица 2. Пилинг"),
        ("{% unless patient.is_child %}взрослый{% endunless %}", "взрослый"),
        ("{% case patient.sex %}{% when 'male' %}м{% else %}ж{% endcase %}", "ж"),
        ("{% if patient.age > 40 and patient.sex == 'female' %}да{% else %}нет{% endif %}", "да"),
        ("{{ offer.value | times: 2 | plus: 1 }}", "41"),
    ],
)
def test_filters_and_tags(source: str, expected: str) -> None:
    assert filled(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [("{{ 12345 | money }}", "12,345\u00a0₽"), ("{{ offer.valid_until | day }}", "May 31"),
     ('{{ 2 | plural: "visit", "visits" }}', "visits")],
)  # fmt: skip
def test_english_letters_are_written_the_english_way(source: str, expected: str) -> None:
    assert filled(source, "en") == expected


@pytest.mark.parametrize("variable", CATALOGUE, ids=lambda variable: variable.path)
def test_every_variable_of_the_list_can_be_used_also_when_it_is_missing(variable: Any) -> None:
    source = f'{{{{ {variable.path} | default: "—" }}}}'
    filled(source)
    assert filled(source, full=False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("patient.frist_name", "patient.first_name"), ("client.name", "patient.name"), ("promo_code", "offer.promo_code"),
     ("unsubscribe", "unsubscribe_url"), ("zzz", "")],
)  # fmt: skip
def test_did_you_mean(written: str, meant: str) -> None:
    assert nearest(written) == meant


LETTER = """# Привет, {{ patient.first_name }}

Текст с **важным** < словом и [ссылкой](https://clinic.example/a?x=1&y=2).

{% if patient.age < 18 %}
- первое
- второе
{% else %}
Взрослым
{% endif %}

[[Записаться]]({{ offer.url }})

![Кабинет](https://clinic.example/p.jpg)

:::footer"""


def test_blocks_make_a_letter_and_its_plain_twin() -> None:
    compiled = compile_text("email", "Тема", "Анонс", LETTER)
    assert not compiled.problems
    assert compiled.links == ["https://clinic.example/a?x=1&y=2", "{{ offer.url }}"]
    letter = render(compiled, {**sample(), "link_1": "https://c/l1", "link_2": "https://c/l2"})
    assert "<b>важным</b>" in letter.html and "&lt; словом" in letter.html and "Анонс" in letter.html
    assert 'href="https://c/l1"' in letter.html and 'href="https://c/l2"' in letter.html
    assert 'alt="Кабинет"' in letter.html and "Взрослым" in letter.html and "первое" not in letter.html
    assert "googleapis" not in letter.html  # no font is fetched from elsewhere
    assert "важным < словом и ссылкой (https://c/l1)" in letter.plain
    assert "Записаться: https://c/l2" in letter.plain and "[Кабинет]" in letter.plain
    assert "Имеются противопоказания" in letter.plain and "Отписаться" in letter.plain


MJML = """<mjml><mj-body>
{% if patient.age > 18 %}
<mj-section><mj-column>
<mj-text>Здравствуйте, {{ patient.first_name | default: "друг" }}! {% if 1 < 2 %}<b>да</b>{% endif %}<br>да</mj-text>
<mj-button href="{{ offer.url }}">Дальше</mj-button>
<mj-table><tr><td>Цена</td><td>{{ offer.benefit }}</td></tr></mj-table>
</mj-column></mj-section>
{% endif %}
</mj-body></mjml>"""


def test_mjml_keeps_its_liquid() -> None:
    compiled = compile_text("email", "", "", MJML)
    assert not compiled.problems
    letter = render(compiled, {**sample(), "link_1": "https://c/l1"})
    assert "Здравствуйте, Анна! <b>да</b>" in letter.html
    assert 'href="https://c/l1"' in letter.html and "−20" in letter.html and "<td>Цена</td>" in letter.html
    assert "{%" not in letter.html and "{{" not in letter.html and "qLq" not in letter.html + letter.plain
    child = sample()
    child["patient"]["age"] = 5
    assert "Здравствуйте" not in render(compiled, {**child, "link_1": "x"}).html


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        ("<mjml><mj-body>\n<mj-section>\n</mj-body></mjml>", 3, 1),
        ("<mjml>\n<mj-body>\n<mj-foo></mj-foo></mj-body></mjml>", 3, 1),
        ("<mjml><mj-body>{{ patient.first_name }}\n  <mj-section></mj-body></mjml>", 2, 15),
    ],
)
def test_broken_mjml_has_a_place(body: str, line: int, column: int) -> None:
    problem = compile_text("email", "", "", body).problems[0]
    assert (problem.code, problem.line, problem.column) == ("broken_mjml", line, column)


@pytest.mark.parametrize(
    ("body", "code", "line", "column"),
    [
        ("a\nб {{ patient.frist_name }}", "unknown_variable", 2, 6),
        ("a {{ patient.first_name", "broken_liquid", 1, 3),
        ("a\n\n  {% if patient.age %}", "broken_liquid", 3, 3),
        ("{% if patient.age %}x{% endfor %}", "broken_liquid", 1, 22),
        ("{{ patient.first_name | loud }}", "unknown_filter", 1, 25),
        ("{% paragraph %}", "unknown_tag", 1, 1),
        ("Hi { patient.first_name }", "broken_liquid", 1, 4),
        ("{% if patient.age = 3 %}x{% endif %}", "broken_liquid", 1, 19),
        ("Раз {% if patient.age %}\n\nдва {% endif %}", "torn_condition", 1, 1),
        ("Раз\n\n:::banner", "unknown_block", 3, 1),
    ],
)
def test_what_is_wrong_has_a_place(body: str, code: str, line: int, column: int) -> None:
    problem = compile_text("email", "", "", body).problems[0]
    assert (problem.code, problem.line, problem.column) == (code, line, column)


def test_what_fails_for_one_patient_names_the_place_and_nothing_of_the_patient() -> None:
    compiled = compile_text("email", "", "", 'Раз\n\nДва {{ patient.first_name | case: "dativ" }}')
    with pytest.raises(NotRendered) as error:
        render(compiled, sample())
    assert error.value.line == 3
    assert "dativ" in error.value.message and FIRST not in str(error.value)


@pytest.mark.parametrize(
    "source", [LETTER, MJML, "{{ patient.first_name | upcase }}{% if patient.age %}{{ today | day }}{% endif %}"]
)
@pytest.mark.parametrize("full", [True, False])
def test_the_fast_way_and_liquid_say_the_same(source: str, full: bool) -> None:
    compiled = compile_text("email", "", "", source)
    for html, text in ((True, compiled.html), (False, compiled.plain)):
        template = environment(html).from_string(text)
        parts = fast.compiled(template)
        assert parts is not None
        values = sample(full=full)
        assert fast.filled(parts, fast.Fill(template, values)) == template.render(**values)


def test_ages_are_counted_on_the_day_of_sending() -> None:
    born = dt.date(2000, 3, 1)
    values = sample()
    values["patient"]["birth_date"] = born
    for today, years in ((dt.date(2026, 2, 28), "25"), (dt.date(2026, 3, 1), "26")):
        assert filled("{{ patient.birth_date | age }}", **{**values, "today": today}) == years

"""Texts written by an enemy, or by a cat on the keyboard: answered in words, at once."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rendering import NotRendered, compile_text, mail, render
from campaigns.rendering.asked import Asked
from campaigns.rendering.lint import look
from campaigns.rendering.variables import sample


def in_a_column(bricks: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>{bricks}</mj-column></mj-section></mj-body></mjml>"


HOSTILE = [
    "{% for i in (1..1000000000) %}x{% endfor %}",
    "{% for i in (1..400) %}{% for j in (1..400) %}x{% endfor %}{% endfor %}",
    "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}",
    "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | replace: 'x', a %}" * 12 + "{{ a }}",
    "{% capture a %}{% for i in (1..400) %}xxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endcapture %}"
    "{% for i in (1..499) %}{{ a }}{% endfor %}",
    "{{ 9999999999 | times: 9999999999 | times: 9999999999 }}",
    "{{ 1 | divided_by: 0 }}",
    "{{ 'a' | truncate: 99999999999999999999999 }}",
    "{{ patient.first_name.__class__.__mro__ }}",
    "{{ patient.__init__.__globals__ }}",
    "{{ ''.__class__ }}",
    "{{ patient.first_name | map: '__class__' }}",
    "{{ patient.first_name | safe }}",
    "{% include '/etc/passwd' %}",
    "{% render 'x' %}",
    "{% liquid\nassign x = 1\n%}",
    "{% raw %}{{ x }}{% endraw %}",
    "{% tablerow i in (1..9) %}{% endtablerow %}",
    "{{" + " " * 90_000 + "}}",
    "{{ patient.age" + " | plus: 1" * 80 + " }}",
    "{{" * 5_000,
    "{%" * 5_000,
    "{% if patient.age %}" * 50 + "{% endif %}" * 50,
    "{{ a" + "[a" * 100 + "]" * 100 + " }}",
    "[" * 50_000,
    "![" * 20_000,
    "**" * 40_000,
    "*a" * 40_000,
    "<mjml>" + "<mj-section>" * 3_000,
    "<mjml>" + "<" * 50_000,
    "<mjml>" + "<mj-text>" * 11_000,
    "<mjml>" + "<!--" * 24_000,
    "<mjml>" + "<mj-style>" * 9_000,
    "гаранти" * 14_000,
    "благодар" * 12_000,
    "у вас " * 16_000,
    "<mjml><mj-body><mj-section><mj-column><mj-text>" + "<div>" * 3_000,
    '<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>',
    "<mjml><mj-body><mj-raw><script>alert(1)</script></mj-raw></mj-body></mjml>",
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body[:30])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_hostile_text_is_refused_in_words_or_harmless_and_takes_no_time(body: str, channel: str) -> None:
    began = time.process_time()
    assert isinstance(look(Asked(channel, "marketing", "ru", "", "", body)), list)
    compiled = compile_text(channel, "", "", body)
    if not compiled.broken:
        try:
            result = render(compiled, sample())
            assert len(result.html) + len(result.plain) < 3_000_000
            assert "root:" not in result.plain and "<script" not in result.html
        except NotRendered as error:
            assert error.message
    else:
        assert all(problem.message for problem in compiled.problems)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("value", ["<script>alert(1)</script>", '" onclick="x', "{{ patient.age }}", "{% if %}", "&"])
def test_values_are_text_and_nothing_else(value: str) -> None:
    body = "# {{ patient.first_name }}\n\n[[{{ patient.first_name }}]](https://clinic.example/{{ patient.first_name }})"
    context = sample()
    context["patient"]["first_name"] = value
    filled = render(compile_text("email", "{{ patient.first_name }}", "", body), context)
    assert "<script" not in filled.html and 'onclick="x' not in filled.html.replace("&#34;", "")
    assert value in filled.plain
    assert filled.subject == value


def test_a_subject_has_one_line() -> None:
    context = sample()
    context["patient"]["first_name"] = "Анна\r\nBcc: all@example.org"
    assert "\n" not in render(compile_text("email", "{{ patient.first_name }}", "", "x"), context).subject


@pytest.mark.parametrize(
    "content",
    [
        '<a href="javascript:alert(1)">x</a>',
        '<img src="x" onerror="alert(1)" />',
        "<script>alert(1)</script>",
        '<iframe src="https://x"></iframe>',
        "<form><input></form>",
        '<a href="data:text/html,x">x</a>',
    ],
)
def test_html_in_a_letter_is_cleaned(content: str) -> None:
    body = (
        f"<mjml><mj-body><mj-section><mj-column><mj-text>{content}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    html = compile_text("email", "", "", body).html.lower()
    assert html
    assert not any(word in html for word in ("javascript:", "onerror", "<script", "<iframe", "<form", "data:text"))


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_button_leads_to_no_program(address: str) -> None:
    body = in_a_column(f'<mj-button href="{address}">x</mj-button>')
    assert [problem.code for problem in compile_text("email", "", "", body).problems] == ["unsafe_html"]


@pytest.mark.parametrize("address", [" java\nscript:alert(1)", "JAVASCRIPT:x", "\x01javascript:x"])
def test_disguises_of_a_program_are_seen(address: str) -> None:
    assert mail.unsafe(f'<a href="{address}">x</a>')


@settings(max_examples=150, deadline=2000)
@given(st.text(alphabet="{}%|:.'\"<>/[]()!#*-\n абвx1=&;", max_size=120), st.sampled_from(["email", "sms", "call"]))
def test_no_text_at_all_raises(body: str, channel: str) -> None:
    compiled = compile_text(channel, "", "", body)
    if not compiled.broken:
        try:
            render(compiled, sample())
        except NotRendered as error:
            assert error.message

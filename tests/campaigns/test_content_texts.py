"""Versions of a text, and what a text learns about its patient."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Link, Message, Template, TemplateText
from campaigns.rendering import render
from campaigns.services.writing import content
from campaigns.services.writing.contexts import contexts
from tests.campaigns.making import NOW, make_branch, make_message, make_offer, make_patients, make_visit

pytestmark = pytest.mark.django_db

BODY = (
    "# Здравствуйте, {{ patient.name }}!\n\n:::offer\n\n[[Записаться]](https://clinic.example/a?b=1&c=2)\n\n:::footer"
)


def template(channel: str = "email") -> Template:
    return Template.objects.create(name="Письмо", channel=channel)


def test_saving_makes_a_new_current_version_and_keeps_the_old_one() -> None:
    one = template()
    first = content.save_text(one, "ru", "Тема", "", BODY)
    second = content.save_text(one, "ru", "Тема 2", "", BODY)
    first.refresh_from_db()
    assert (first.version, first.current, second.version, second.current) == (1, False, 2, True)
    assert first.subject == "Тема"
    assert Link.objects.get(text=second).url == "https://clinic.example/a?b=1&c=2"


def test_the_same_text_saved_twice_is_one_version() -> None:
    one = template()
    first = content.save_text(one, "ru", "Тема", "", BODY)
    assert content.save_text(one, "ru", "Тема", "", BODY).pk == first.pk


def test_a_broken_text_is_not_saved_and_says_where() -> None:
    one = template()
    with pytest.raises(content.NotSaved) as refused:
        content.save_text(one, "ru", "Тема", "", "Привет,\n{{ patient.frist_name }}")
    (problem,) = refused.value.problems
    assert (problem.code, problem.field, problem.line, problem.column) == ("unknown_variable", "body", 2, 4)
    assert not TemplateText.objects.exists()


def test_a_mail_is_filled_for_its_patient() -> None:
    (anna,) = make_patients(1)
    text = content.save_text(template(), "ru", "{{ patient.first_name | case: 'dative' }}", "", BODY)
    message = make_message(anna, text=text, state="planned", offer=make_offer(kind="percent", value=20))
    filled = render(text, contexts([message], NOW)[message.pk])
    assert filled.subject == "Анне"
    assert "Здравствуйте, Анна Петровна!" in filled.plain
    assert "−20" in filled.html
    assert "clinic.example" not in filled.html  # the counted link stands there instead


def test_a_batch_takes_the_same_number_of_queries_whatever_its_size() -> None:
    text = content.save_text(
        template("sms"), "ru", "", "",
        "{{ patient.first_name }} {{ last_visit.service }} {{ appointment.time }} {{ offer.name }} {{ branch.name }} "
        "{{ recipient.name }} {{ doctor.name }} {{ clinic.name }} {{ consent_url }}",
    )  # fmt: skip
    branch = make_branch()
    messages = []
    for patient in make_patients(12, branch=branch):
        make_visit(patient, NOW - dt.timedelta(days=3), branch=branch)
        make_visit(patient, NOW + dt.timedelta(days=3), status="booked", branch=branch)
        messages.append(make_message(patient, text=text, state="planned", channel="sms", offer=make_offer()))
    messages = list(Message.objects.select_related("text__template").order_by("pk"))
    contexts(messages[:1], NOW)
    counts = []
    for part in (messages[:2], messages):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = contexts(part, NOW)
        assert len(found) == len(part)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8


def test_a_text_is_told_nothing_it_does_not_ask_for() -> None:
    (anna,) = make_patients(1)
    text = content.save_text(template("sms"), "ru", "", "", "{{ patient.first_name }}, ждём вас")
    message = make_message(anna, text=text, state="planned", channel="sms")
    assert set(contexts([message], NOW)[message.pk]) == {"language", "today", "patient", "unsubscribe_url"}


def test_the_guardian_reads_about_the_child() -> None:
    (mother,) = make_patients(1)
    (child,) = make_patients(1, first_name="Илья", sex="male", birth_date=dt.date(2018, 1, 1), guardian=mother)
    text = content.save_text(
        template("sms"), "ru", "", "",
        "{{ recipient.first_name }}, ждём {{ patient.first_name | case: 'accusative' }}"
        "{% if recipient.is_guardian %} с вами{% endif %}",
    )  # fmt: skip
    message = make_message(child, text=text, state="planned", channel="sms", recipient=mother)
    assert render(text, contexts([message], NOW)[message.pk]).plain == "Анна, ждём Илью с вами"


def test_what_is_missing_does_not_stand_in_the_way() -> None:
    (patient,) = make_patients(1, first_name="", middle_name="", birth_date=None, sex="")
    text = content.save_text(
        template("sms"), "ru", "", "",
        "{{ patient.first_name | default: 'Здравствуйте' }}{% if patient.age %}, {{ patient.age }}{% endif %}! "
        "{{ last_visit.date | date }}{{ patient.last_name | case: 'dative' }}",
    )  # fmt: skip
    message = make_message(patient, text=text, state="planned", channel="sms")
    assert render(text, contexts([message], NOW)[message.pk]).plain == "Здравствуйте! Ивановой"

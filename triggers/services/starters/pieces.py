"""What a ready rule is made of, and how its letters are put together."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import Channel, Purpose
from campaigns.services.writing.starters import Words
from triggers.models import Unit

Texts = Mapping[str, Words]  # by language

HELLO_RU = '{{ recipient.first_name | default: "Здравствуйте" }}'
HELLO_EN = '{{ recipient.first_name | default: "Hello" }}'
# Who is to come: the reader, or the child of the one who reads.
YOU_RU = (
    '{% if recipient.is_guardian %}{{ patient.first_name | default: "ребёнка" | case: "accusative" }}{% else %}вас'
    "{% endif %}"
)
YOU_EN = '{% if recipient.is_guardian %}{{ patient.first_name | default: "your child" }}{% else %}you{% endif %}'
_REFUSE_RU = " {{ warning }} Отказ: {{ unsubscribe_url }}"
_REFUSE_EN = " {{ warning }} Opt out: {{ unsubscribe_url }}"


@dataclass(frozen=True)
class Step:
    """A message of the ladder: when, and its texts by channel."""

    offset: int
    texts: Mapping[str, Texts]
    unit: str = Unit.DAY
    at: datetime.time | None = None
    useful_hours: int = 72


@dataclass(frozen=True)
class Starter:
    """A ready rule. `services`: words by which the services it is about are looked for among those of the clinic; until
    some are found, or chosen by hand, the rule cannot be switched on. `segments`: settings that name segments, as
    (segmentation, segment) codes. `fields`: those of the row that differ from the defaults of the type."""

    code: str
    rule_type: str
    name: str
    name_en: str
    description: str
    description_en: str
    steps: tuple[Step, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    purpose: str = Purpose.MARKETING


def advert(ru: tuple[str, str, str], en: tuple[str, str, str]) -> Texts:
    """A mail that advertises: the card of the offer, if the step has one, and the legal foot."""
    return {
        language: Words(subject, preheader, f"{body.strip()}\n\n:::offer\n\n:::footer\n")
        for language, (subject, preheader, body) in (("ru", ru), ("en", en))
    }


def notice(ru: tuple[str, str, str], en: tuple[str, str, str]) -> Texts:
    """A service mail: the clinic's name is above it, name and licence below; nothing is advertised."""
    foot = "---\n\n{{ clinic.name }}\n{{ clinic.details }}\n"
    return {
        language: Words(subject, preheader, f"{body.strip()}\n\n{foot}")
        for language, (subject, preheader, body) in (("ru", ru), ("en", en))
    }


def advert_sms(ru: str, en: str) -> Texts:
    return {"ru": Words("", "", ru + _REFUSE_RU), "en": Words("", "", en + _REFUSE_EN)}


def notice_sms(ru: str, en: str) -> Texts:
    return {"ru": Words("", "", ru), "en": Words("", "", en)}


def call(ru: str, en: str) -> Texts:
    """A script: who calls, why, what to ask, and that one may refuse further calls."""
    hello_ru = (
        'Здравствуйте! Могу я поговорить с {{ recipient.name | default: "пациентом" | case: "instrumental" }}?\n\n'
        "Меня зовут …, {{ clinic.name }}. "
    )
    hello_en = (
        'Hello! May I speak to {{ recipient.name | default: "the patient" }}?\n\nMy name is …, {{ clinic.name }}. '
    )
    end_ru = "\n\nЕсли речь зашла об услуге: {{ warning }}\n\nНе хочет звонков: отметить «Просил не звонить», отказ действует сразу."  # noqa: E501
    end_en = "\n\nIf a service is offered: {{ warning }}\n\nOpt out: press “Asked not to be called”, it holds at once."
    return {
        "ru": Words("", "", hello_ru + ru.strip() + end_ru),
        "en": Words("", "", hello_en + en.strip() + end_en),
    }


EMAIL, SMS, CALL = Channel.EMAIL.value, Channel.SMS.value, Channel.CALL.value

"""The checks before a launch (F10): a table of texts and what is said about them."""

import datetime as dt
from typing import Any

import pytest

from campaigns import checks
from campaigns.models import ChannelAccount, Template, Variant, VariantTemplate
from campaigns.rendering import wording
from campaigns.rendering.asked import Asked
from campaigns.rendering.lint import look
from campaigns.services.writing import content
from patients.models import Service, ServiceGroup
from tests.campaigns.making import NOW, _key, make_branch, make_campaign, make_offer

SENSITIVE = wording.sensitive(
    ["Приём гинеколога", "УЗИ малого таза", "Лечение бесплодия (консультация)", "Перманентный макияж ареолы"],
    ["Перманентный макияж бровей", "УЗИ брюшной полости", "Приём терапевта", "Лечение кариеса", "Чистка лица"],
)
FOOT = "\n\n:::footer"


def codes(body: str, channel: str = "email", subject: str = "Тема письма", preheader: str = "Анонс",
          purpose: str = "marketing", offer: bool | None = None, language: str = "ru") -> dict[str, str]:  # fmt: skip
    asked = Asked(channel, purpose, language, subject, preheader, body, SENSITIVE, offer)
    return {problem.code: problem.severity for problem in look(asked)}


@pytest.mark.parametrize(
    ("body", "code", "severity"),
    [
        ("Ждём вас", "no_unsubscribe", "error"),
        ("Ждём вас", "no_warning", "error"),
        ("![](https://clinic.example/a.jpg)" + FOOT, "picture_without_words", "error"),
        ("![Брови](http://clinic.example/a.jpg)" + FOOT, "picture_address", "error"),
        ("[сюда](https://bit.ly/x)" + FOOT, "shortener", "warning"),
        ("[сюда](http://clinic.example/x)" + FOOT, "http_link", "warning"),
        ("[[Записаться]](https://)" + FOOT, "bad_link", "error"),
        ("[[Записаться]](clinic.ru)" + FOOT, "bad_link", "error"),
        ("[[Записаться]]({{ patient.city }})" + FOOT, "bad_link", "error"),
        ("Гарантируем отличный результат" + FOOT, "guarantee", "error"),
        ("100% результат" + FOOT, "guarantee", "error"),
        ("Без побочных эффектов" + FOOT, "guarantee", "error"),
        ("Гарантия на работу прибора" + FOOT, "guarantee", "warning"),
        ("Возможно, у вас диабет" + FOOT, "supposes_illness", "error"),
        ("Спасибо доктору Ивановой, она вылечила меня" + FOOT, "gratitude", "error"),
        ("Привет, {{ patient.first_name }}" + FOOT, "may_be_missing", "warning"),
        ("", "empty", "error"),
        ("{{ patient.name | plural: 1, 2, 3 }}" + FOOT, "cannot_be_filled", "error"),
    ],
)
def test_bodies_of_mails(body: str, code: str, severity: str) -> None:
    assert codes(body).get(code) == severity


def _mjml(inner: str, head: str = "") -> str:
    column = f"<mj-column><mj-text>{inner}</mj-text></mj-column>"
    return f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"


BOTH = "{{ warning }} <a href='{{ unsubscribe_url }}'>нет</a>"


@pytest.mark.parametrize(
    "body",
    [
        "Ждём\n\n{% if false %}\n\n{{ warning }} {{ unsubscribe_url }}\n\n{% endif %}",
        "Ждём\n\n{% if patient.city %}\n\n{{ warning }} {{ unsubscribe_url }}\n\n{% endif %}",
        "Ждём {% assign a = warning %}{% assign b = unsubscribe_url %}",
        "Ждём {% capture a %}{{ warning }} {{ unsubscribe_url }}{% endcapture %}",
        "Ждём {% if warning and unsubscribe_url %}вас{% endif %}",
        "Ждём {{ warning | truncate: 4 }} {{ unsubscribe_url | truncate: 9 }}",
        "Ждём {% comment %}{{ warning }} {{ unsubscribe_url }}{% endcomment %}",
        _mjml(f"Ждём <div style='display: none'>{BOTH}</div>"),
        _mjml(f"Ждём <span style='font-size:0px'>{BOTH}</span>"),
        _mjml("Ждём <a href='https://clinic.example' title='{{ warning }} {{ unsubscribe_url }}'>вас</a>"),
        _mjml("Ждём", "<mj-style>/* {{ warning }} {{ unsubscribe_url }} */</mj-style>"),
    ],
)
def test_what_the_law_asks_for_has_to_be_seen(body: str) -> None:
    found = codes(body)
    assert found.get("no_warning") == found.get("no_unsubscribe") == "error"


@pytest.mark.parametrize(
    "said", ["'<script>alert(1)</script>'", "patient.first_name | append: '<img src=x onerror=a()>'"]
)
def test_liquid_writes_no_tags_past_the_sanitiser(said: str) -> None:
    assert codes("{{ " + said + " }}" + FOOT)["unsafe_html"] == "error"


def test_what_is_seen_is_enough() -> None:
    assert not {"no_warning", "no_unsubscribe"} & codes(_mjml(f"Ждём {BOTH}")).keys()
    assert not {"no_warning", "no_unsubscribe"} & codes("Ждём" + FOOT).keys()


def test_the_refusal_of_an_sms_has_to_be_seen_too() -> None:
    assert (
        codes("Ждём {% if false %}{{ warning }} {{ unsubscribe_url }}{% endif %}", "sms")["no_unsubscribe"] == "error"
    )


@pytest.mark.parametrize("said", ["гaрантируем рeзультат", "гаран\u00adтируем результат", "**гаран**тируем результат"])
def test_a_promise_in_disguise_is_one(said: str) -> None:
    assert codes(f"Мы {said}" + FOOT)["guarantee"] == "error"


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("Приём гинeкoлога", "sensitive_service"),
        ("Приём гине\u00adколога", "sensitive_service"),
        ("{% assign a = last_visit.service %}{{ a }}", "sensitive_variable"),
        ("{% for one in last_visit.services %}{{ one }}{% endfor %}", "sensitive_variable"),
    ],
)
def test_a_secret_in_disguise_is_one(subject: str, code: str) -> None:
    assert codes("Ждём" + FOOT, subject=subject)[code] == "error"


@pytest.mark.parametrize(
    ("subject", "code", "severity"),
    [
        ("", "no_subject", "error"),
        ("А" * 61, "long_subject", "warning"),
        ("ТОЛЬКО СЕГОДНЯ СКИДКИ", "capitals", "warning"),
        ("Скидки!!!", "exclamations", "warning"),
        ("Пора к гинекологу", "sensitive_service", "error"),
        ("Гинекологический осмотр", "sensitive_service", "error"),
        ("УЗИ малого таза со скидкой", "sensitive_service", "error"),
        ("Ареолы: коррекция", "sensitive_service", "error"),
        ("Лечим геморрой", "diagnosis", "error"),
        ("Анализ на ВИЧ", "diagnosis", "error"),
        ("Ваш визит: {{ last_visit.service }}", "sensitive_variable", "error"),
        ("{{ appointment.service }} завтра", "sensitive_variable", "error"),
    ],
)
def test_subjects(subject: str, code: str, severity: str) -> None:
    assert codes("Текст" + FOOT, subject=subject).get(code) == severity


@pytest.mark.parametrize(
    "subject",
    ["Пора на чистку лица", "УЗИ брюшной полости", "Перманентный макияж бровей", "Приём у терапевта", "Лечение кариеса",
     "Вичуга ждёт вас", "Малого не надо", "Привет, {{ patient.first_name | default: 'друг' }}"],
)  # fmt: skip
def test_harmless_subjects_pass(subject: str) -> None:
    assert not codes("Текст" + FOOT, subject=subject)


def test_what_the_offer_is_about_stays_out_of_sight_too() -> None:
    found = codes("Текст" + FOOT, subject="{{ offer.name }}", offer=True)
    assert found["sensitive_variable"] == "error"
    assert "sensitive_variable" not in codes("Текст" + FOOT, subject="{{ offer.name }}", offer=False)
    assert "sensitive_variable" not in codes("{{ offer.name }}" + FOOT, offer=True)  # the mail itself may say it


@pytest.mark.parametrize(
    ("body", "code", "severity"),
    [
        ("Ждём вас. {{ warning }}", "no_unsubscribe", "error"),
        ("Ждём вас. Отказ: {{ unsubscribe_url }}", "no_warning", "error"),
        ("Ждём у гинеколога. {{ warning }} Отказ: СТОП", "sensitive_service", "error"),
        ("{{ last_visit.service }}. {{ warning }} Отказ: СТОП", "sensitive_variable", "error"),
        ("я" * 300 + " {{ warning }} Отказ: СТОП", "many_parts", "warning"),
        ("СКИДКИ ТОЛЬКО СЕГОДНЯ {{ warning }} СТОП", "capitals", "warning"),
    ],
)
def test_sms(body: str, code: str, severity: str) -> None:
    assert codes(body, "sms").get(code) == severity


def test_a_good_sms_passes() -> None:
    assert not codes("Ждём вас на чистку. {{ warning }} Отказ: {{ unsubscribe_url }}", "sms")


def test_service_messages_need_neither_warning_nor_refusal_and_hold_no_offer() -> None:
    assert not codes("Ждём вас завтра", "sms", purpose="service")
    assert codes("{{ offer.name | default: 'x' }}", "sms", purpose="service") == {"offer_in_service": "error"}


def test_a_condition_about_the_value_is_enough() -> None:
    text = "{% if last_visit.date %}Вы были {{ last_visit.date | date }} у {{ last_visit.doctor }}{% endif %}" + FOOT
    assert not codes(text)


def test_the_place_is_told() -> None:
    asked = Asked(
        "email", "marketing", "ru", "Пора к гинекологу", "а", "Раз\n\nГарантируем результат" + FOOT, SENSITIVE
    )
    places = {problem.code: (problem.field, problem.line, problem.column) for problem in look(asked)}
    assert places == {"sensitive_service": ("subject", 1, 8), "guarantee": ("body", 3, 1)}


# --- Campaigns ------------------------------------------------------------------------------------------------------
GOOD = "Ждём вас" + FOOT


def ready_campaign(body: str = GOOD, subject: str = "Тема", **fields: Any) -> Any:
    ChannelAccount.objects.update_or_create(channel="email", defaults={"sender": "Clinic <a@clinic.example>"})
    campaign = make_campaign(**fields)
    template = Template.objects.create(name="Письмо", channel="email")
    content.save_text(template, "ru", subject, "Анонс", body)
    VariantTemplate.objects.filter(variant__campaign=campaign).update(template=template)
    return campaign


def errors(campaign: Any) -> set[str]:
    return {problem.code for problem in checks.of_campaign(campaign, NOW) if problem.is_error}


@pytest.mark.django_db
def test_a_campaign_in_order_has_no_error() -> None:
    assert errors(ready_campaign(offer=make_offer())) == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ({"valid_until": dt.date(2026, 11, 22)}, "offer_expired"),
        ({"valid_from": dt.date(2026, 11, 24)}, "offer_not_yet"),
        ({"archived_at": NOW}, "offer_archived"),
        ({"terms": "Гарантируем результат"}, "guarantee"),
    ],
)
def test_the_offer_must_hold(offer: dict[str, Any], code: str) -> None:
    assert code in errors(ready_campaign(offer=make_offer(**offer)))


@pytest.mark.django_db
def test_an_offer_is_looked_at_on_the_first_day_of_the_campaign() -> None:
    offer = make_offer(valid_from=dt.date(2026, 11, 24), valid_until=dt.date(2026, 12, 1))
    assert errors(ready_campaign(offer=offer, starts_at=NOW + dt.timedelta(days=2))) == set()
    assert "offer_expired" in errors(ready_campaign(offer=offer, starts_at=NOW + dt.timedelta(days=20)))


@pytest.mark.django_db
def test_the_branches_of_the_offer_must_cover_those_of_the_campaign() -> None:
    here, there = make_branch("Здесь"), make_branch("Там")
    offer = make_offer(branches=[here])
    assert "offer_branches" in errors(ready_campaign(offer=offer, branches=[here, there]))
    assert errors(ready_campaign(offer=offer, branches=[here])) == set()


@pytest.mark.django_db
def test_a_sensitive_offer_is_not_named_in_the_subject() -> None:
    group = ServiceGroup.objects.create(name="Гинекология")
    service = Service.objects.create(name="Приём гинеколога", sensitive=True, group=group, **_key())
    campaign = ready_campaign(subject="{{ offer.name }} для вас", offer=make_offer(service=service))
    assert errors(campaign) == {"sensitive_variable"}


@pytest.mark.django_db
def test_what_is_missing_is_said_with_the_variant_and_the_template() -> None:
    campaign = ready_campaign("{{ offer.name }} [[Да]]({{ offer.url }})" + FOOT, channels=["email", "sms"])
    Variant.objects.filter(campaign=campaign).update(offer=None)
    VariantTemplate.objects.filter(variant__campaign=campaign, channel="sms").delete()
    found = {problem.code: problem for problem in checks.of_campaign(campaign, NOW)}
    assert {"no_offer", "no_template"} <= set(found)
    assert found["no_offer"].where and found["no_offer"].template_id


@pytest.mark.django_db
def test_what_is_said_only_when_there_is_an_offer_needs_none() -> None:
    guarded = (
        "{% if last_visit.date %}{{ last_visit.date | date }}{% else %}Здравствуйте{% endif %} {% if offer.name %}"
        "{{ offer.name }}{% if offer.benefit %}, {{ offer.benefit }}{% endif %}. {{ offer.terms }}{% endif %} "
        "{% if offer.url %}[[Да]]({{ offer.url }}){% endif %}"
    )
    campaign = ready_campaign(guarded + FOOT, offer=make_offer())
    assert errors(campaign) == set()
    Variant.objects.filter(campaign=campaign).update(offer=None)
    assert errors(campaign) == set()
    otherwise = ready_campaign("{% if offer.name %}Да{% else %}{{ offer.terms }}{% endif %}" + FOOT)
    Variant.objects.filter(campaign=otherwise).update(offer=None)
    assert errors(otherwise) == {"no_offer"}


@pytest.mark.django_db
def test_a_channel_without_a_sender_and_a_text_without_a_version_stop_the_launch() -> None:
    campaign = ready_campaign()
    ChannelAccount.objects.filter(channel="email").update(sender="")
    VariantTemplate.objects.filter(variant__campaign=campaign).update(
        template=Template.objects.create(name="Пусто", channel="email")
    )
    assert {"no_sender", "no_text"} <= errors(campaign)
    ChannelAccount.objects.filter(channel="email").update(active=False)
    assert "channel_off" in errors(campaign)

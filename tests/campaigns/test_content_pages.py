"""Offers and templates in the portal: who may, what is said to wrong input, nothing typed is lost."""

import email
import email.policy
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import ChannelAccount, Message, Offer, Template, TemplateText
from campaigns.services.writing import content
from tests.campaigns.making import make_branch, make_campaign, make_offer, make_patients, make_user
from tests.campaigns.smtp_peer import SmtpPeer

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer() -> Client:
    client = Client()
    client.force_login(make_user("marketer"))
    return client


@pytest.fixture
def mail() -> Template:
    template = Template.objects.create(name="Письмо", channel="email")
    content.save_text(template, "ru", "Тема", "Ещё", "# Здравствуйте, {{ patient.name }}!\n\n:::offer\n\n:::footer")
    return template


PAGES = ["offers", "offer_new", "templates", "template_new"]


@pytest.mark.parametrize("name", PAGES)
def test_strangers_go_to_the_login_and_readers_without_the_permission_are_refused(name: str) -> None:
    assert Client().get(reverse(name)).status_code == 302
    client = Client()
    client.force_login(make_user("nobody", "campaigns.none"))
    assert client.get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_pages_open(marketer: Client, name: str) -> None:
    assert marketer.get(reverse(name)).status_code == 200


def test_a_new_offer_begins_empty(marketer: Client) -> None:
    form = marketer.get(reverse("offer_new")).context["form"]
    assert [form[name].value() for name in ("name", "promo_code", "url", "terms")] == ["", "", "", ""]


def test_whoever_may_only_look_changes_nothing(mail: Template) -> None:
    client = Client()
    client.force_login(make_user("owner", "campaigns.view_offer", "campaigns.view_template"))
    offer = make_offer()
    assert client.get(reverse("template", args=[mail.pk])).status_code == 200
    assert client.post(reverse("template", args=[mail.pk]), {"body": "x", "language": "ru"}).status_code == 403
    assert client.post(reverse("offer", args=[offer.pk]), {"name": "x"}).status_code == 403
    assert client.post(reverse("offer_archive", args=[offer.pk])).status_code == 403
    assert client.post(reverse("template_test", args=[mail.pk])).status_code == 403
    assert TemplateText.objects.count() == 1


GOOD = {"name": "Коррекция бровей", "kind": "percent", "value": "20", "promo_code": "brovi 20", "terms": "До мая"}


def test_an_offer_is_made_and_its_code_written_in_capitals(marketer: Client) -> None:
    branch = make_branch()
    answer = marketer.post(reverse("offer_new"), {**GOOD, "branches": [branch.pk]})
    offer = Offer.objects.get()
    assert answer.status_code == 302
    assert (offer.promo_code, offer.value, list(offer.branches.all())) == ("BROVI 20", 20, [branch])
    assert marketer.get(reverse("offer", args=[offer.pk])).status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"value": ""}, "value"),
        ({"value": "101"}, "value"),
        ({"value": "-1"}, "value"),
        ({"value": "abc"}, "value"),
        ({"value": "1e400"}, "value"),
        ({"kind": "price", "value": "99999999999999"}, "value"),
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "terms", "terms": " "}, "terms"),
        ({"valid_from": "2026-05-02", "valid_until": "2026-05-01"}, "valid_until"),
        ({"valid_until": "tomorrow"}, "valid_until"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"promo_code": "TAKEN"}, "promo_code"),
        ({"branches": ["999999"]}, "branches"),
        ({"service": "999999"}, "service"),
        ({"name": "я" * 201}, "name"),
        ({"name": "\x00"}, "name"),
    ],
)
def test_a_wrong_field_is_named_and_everything_typed_stays(
    marketer: Client, changed: dict[str, Any], field: str
) -> None:
    make_offer(promo_code="TAKEN")
    answer = marketer.post(reverse("offer_new"), {**GOOD, **changed})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "До мая" in answer.content.decode() or "terms" in changed
    assert Offer.objects.count() == 1


def test_an_offer_is_archived_and_taken_back(marketer: Client) -> None:
    offer = make_offer()
    marketer.post(reverse("offer_archive", args=[offer.pk]))
    marketer.post(reverse("offer_archive", args=[offer.pk]))
    offer.refresh_from_db()
    assert offer.archived_at is not None
    assert offer.name not in marketer.get(reverse("offers")).content.decode()
    assert offer.name in marketer.get(reverse("offers"), {"state": "archived"}).content.decode()
    marketer.post(reverse("offer_archive", args=[offer.pk]), {"back": "1"})
    offer.refresh_from_db()
    assert offer.archived_at is None


def test_an_offer_shows_its_campaigns(marketer: Client) -> None:
    offer = make_offer()
    campaign = make_campaign(offer=offer)
    assert campaign.name in marketer.get(reverse("offer", args=[offer.pk])).content.decode()


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "9" * 40}, {"before": "-1"}, {"q": "%\x00"}, {"q": "'"}])
def test_lists_take_any_address(marketer: Client, query: dict[str, str]) -> None:
    make_offer()
    for name in ("offers", "templates"):
        assert marketer.get(reverse(name), query).status_code == 200


def test_lists_go_on_by_key(marketer: Client) -> None:
    Template.objects.bulk_create(Template(name=f"Т{number}", channel="sms") for number in range(60))
    first = marketer.get(reverse("templates"))
    second = marketer.get(reverse("templates") + first.context["next_url"])
    back = marketer.get(reverse("templates") + second.context["previous_url"])
    shown = [[row["template"].pk for row in page.context["rows"]] for page in (first, second, back)]
    assert len(shown[0]) == 50 and len(shown[1]) == 10
    assert not set(shown[0]) & set(shown[1])
    assert shown[2] == shown[0]
    assert back.context["previous_url"] == ""


def post(mail: Template, **fields: str) -> dict[str, str]:
    return {"language": "ru", "subject": "Тема", "preheader": "", "body": "Текст", **fields}


def test_the_list_shows_a_subject_without_liquid(marketer: Client, mail: Template) -> None:
    greeting = '{{ recipient.first_name | default: "Здравствуйте" }}{% if offer.name %}, {{ offer.name }}{% endif %}!'
    content.save_text(mail, "ru", greeting, "", "Текст")
    html = marketer.get(reverse("templates")).content.decode()
    assert "{{" not in html and "{%" not in html
    assert "«first name», «name of the offer»!" in html or "«имя», «название предложения»!" in html


def test_saving_makes_a_version_and_says_what_stands_in_the_way(marketer: Client, mail: Template) -> None:
    answer = marketer.post(reverse("template", args=[mail.pk]), post(mail), follow=True)
    assert TemplateText.objects.get(template=mail, current=True).version == 2
    said = answer.content.decode()
    assert "Версия 2" in said or "Version 2" in said


def test_a_broken_text_is_kept_as_typed_and_its_place_is_shown(marketer: Client, mail: Template) -> None:
    answer = marketer.post(reverse("template", args=[mail.pk]), post(mail, body="а\nб {{ patient.frist_name }}"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "patient.frist_name }}</textarea>" in page
    assert 'data-line="2"' in page and 'data-column="6"' in page
    assert TemplateText.objects.filter(template=mail).count() == 1


@pytest.mark.parametrize(
    "body",
    [
        "{{",
        "{% if %}",
        "я" * 100_001,
        "\x00",
        "{% for i in (1..1000000000) %}.{% endfor %}",
        "<mjml><mj-body>",
        "<mjml></mjml>",
        "<mjml><script>x</script></mjml>",
    ],
)
def test_no_text_breaks_the_editor_or_the_preview(marketer: Client, mail: Template, body: str) -> None:
    assert marketer.post(reverse("template", args=[mail.pk]), post(mail, body=body)).status_code in (200, 302, 422)
    for do in ("save", "to_mjml"):
        answer = marketer.post(reverse("template", args=[mail.pk]), post(mail, body=body, do=do))
        assert answer.status_code in (200, 302, 422)
    preview = marketer.post(reverse("template_preview", args=[mail.pk]), post(mail, body=body, offer="x", patient="x"))
    assert preview.status_code == 200


def test_the_preview_shows_a_real_patient_to_those_who_may_see_patients(mail: Template) -> None:
    (anna,) = make_patients(1, first_name="Василиса")
    body = {**post(mail, body="Здравствуйте, {{ patient.first_name }}!"), "patient": str(anna.pk)}
    client = Client()
    client.force_login(make_user("blind"))
    assert "Василиса" not in client.post(reverse("template_preview", args=[mail.pk]), body).content.decode()
    assert "Василиса" not in client.get(reverse("template", args=[mail.pk])).content.decode()
    user = make_user("seeing")
    from django.contrib.auth.models import Permission

    user.user_permissions.add(Permission.objects.get(codename="view_patient"))
    client.force_login(user)
    assert "Василиса" in client.post(reverse("template_preview", args=[mail.pk]), body).content.decode()


def test_the_preview_cannot_run_anything(marketer: Client, mail: Template) -> None:
    answer = marketer.post(reverse("template_preview", args=[mail.pk]), post(mail, body="<script>alert(1)</script>"))
    page = answer.content.decode()
    assert 'sandbox=""' in page
    assert "<script" not in page


def test_an_sms_is_counted_with_its_cost(marketer: Client) -> None:
    from decimal import Decimal

    ChannelAccount.objects.update_or_create(channel="sms", defaults={"price": Decimal("4.50")})
    template = Template.objects.create(name="SMS", channel="sms")
    answer = marketer.post(reverse("template_preview", args=[template.pk]), post(template, body="я" * 71))
    assert answer.context["preview"].parts.parts == 2
    assert answer.context["preview"].cost == Decimal("9.00")


def test_versions_are_compared_and_an_old_one_becomes_current(marketer: Client, mail: Template) -> None:
    marketer.post(reverse("template", args=[mail.pk]), post(mail, body="Новый текст"))
    page = marketer.get(reverse("template_versions", args=[mail.pk]))
    assert "Новый текст" in page.content.decode()
    old = TemplateText.objects.get(template=mail, version=1)
    for _again in range(2):
        marketer.post(reverse("template_current", args=[mail.pk]), {"text": old.pk})
    assert TemplateText.objects.get(template=mail, current=True) == old
    assert marketer.post(reverse("template_current", args=[mail.pk]), {"text": "x"}).status_code == 404


def test_the_starting_templates_come_by_one_press_and_once(marketer: Client) -> None:
    for _again in range(2):
        assert marketer.post(reverse("template_starters")).status_code == 302
    assert Template.objects.count() >= 8


def test_a_letter_in_blocks_can_be_seen_as_mjml_and_stays_the_same(marketer: Client, mail: Template) -> None:
    from campaigns.rendering import compile_text

    condition = "{% if patient.age %}\nВам {{ patient.age }}\n{% endif %}"
    body = f"# Привет, {{{{ patient.first_name }}}}\n\n{condition}\n\n:::offer\n\n:::footer"
    answer = marketer.post(reverse("template", args=[mail.pk]), post(mail, body=body, do="to_mjml"))
    mjml = answer.context["written"].body
    compiled = compile_text("email", "Тема", "", mjml)
    assert mjml.startswith("<mjml") and not compiled.problems
    assert compiled.plain == compile_text("email", "Тема", "", body).plain


@pytest.fixture
def smtp() -> Iterator[SmtpPeer]:
    server = SmtpPeer()
    params = {"host": "127.0.0.1", "port": server.port, "timeout": 2}
    account = {"params": params, "sender": "Clinic <news@clinic.example>"}
    ChannelAccount.objects.update_or_create(channel="email", defaults=account)
    yield server
    server.stop()


def test_a_test_goes_through_the_channel_marked_and_stands_in_no_ledger(
    marketer: Client, mail: Template, smtp: SmtpPeer
) -> None:
    fields = {**post(mail, subject="Hello", body="Текст"), "to_email": "me@clinic.example"}
    answer = marketer.post(reverse("template_test", args=[mail.pk]), fields)
    assert answer.context["sent"] == "me@clinic.example"
    ((_back, to, raw),) = smtp.handler.mails
    subject = str(email.message_from_bytes(raw, policy=email.policy.default)["subject"])
    assert to == "me@clinic.example"
    assert subject in ("[Test] Hello", "[Тест] Hello")
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("fields", "fate"),
    [({"to_email": "not an address"}, ""), ({}, ""), ({"body": "{{"}, ""), ({}, "refused"), ({}, "down")],
)
def test_a_test_that_cannot_be_sent_says_why(
    marketer: Client, mail: Template, smtp: SmtpPeer, fields: dict[str, str], fate: str
) -> None:
    if fate == "down":
        smtp.stop()
    to = {"to_email": "spam.1@example.org"} if fate == "refused" else {"to_email": "me@clinic.example"}
    asked = {**post(mail), **(to if fate or "body" in fields else {}), **fields}
    answer = marketer.post(reverse("template_test", args=[mail.pk]), asked)
    assert answer.status_code == 200
    assert answer.context["error"]
    assert not smtp.handler.mails

"""The preference page: what it shows, what it saves, which words it writes."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns import links
from campaigns.models import ConsentText, Message, MessageEvent, Suppression
from campaigns.services.consents import preferences
from campaigns.services.consents.suppressions import suppress
from campaigns.services.deciding import gate
from campaigns.services.hearing.tracking import source_word
from patients.models import Consent, Patient
from tests.campaigns.making import BEFORE, NOW, address_key, launch, make_campaign, make_message, make_patients, policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


def sent(patient: Patient, **fields: Any) -> Message:
    return make_message(patient, at=timezone.now() - dt.timedelta(hours=1), **fields)


def url(message: Message) -> str:
    return f"/p/{links.token('preferences', message.pk)}"


def ticked(page: str) -> set[str]:
    """The values of the boxes that are ticked."""
    boxes = [part.partition(">")[0] for part in page.split('<input type="checkbox"')[1:]]
    return {box.partition('value="')[2].partition('"')[0] for box in boxes if " checked" in box}


def words(patient: Patient) -> dict[str, bool]:
    return {
        f"{word.channel}:{word.purpose}": word.granted for word in Consent.objects.filter(patient=patient, until=None)
    }


def test_the_page_shows_what_holds_and_where_it_is_from(strict: Client) -> None:
    (anna,) = make_patients(consented=("email",))
    Consent.objects.filter(patient=anna).update(source="Стойка администратора")
    page = strict.get(url(sent(anna))).text
    assert ticked(page) == {"email:marketing", "email:service", "sms:service", "call:service"}
    assert "Стойка администратора" in page
    assert str(timezone.localtime(BEFORE).year) in page


def test_channels_without_an_address_are_not_offered(strict: Client) -> None:
    (anna,) = make_patients(phone="")
    page = strict.get(url(sent(anna))).text
    assert 'value="email:marketing"' in page
    assert "sms:" not in page


def test_saving_writes_only_what_has_changed_with_the_text_that_was_shown(strict: Client) -> None:
    (anna,) = make_patients(consented=("email", "call"))
    policy(clinic_name="Клиника «Василёк»")
    message = sent(anna)
    allow = ["email:marketing", "sms:marketing", "email:service", "call:service"]
    response = strict.post(url(message), {"allow": allow, "do": "save"})
    assert response.status_code == 303
    assert response["Location"] == f"{url(message)}?language=ru&saved=1"
    assert not response.cookies
    new = {
        f"{word.channel}:{word.purpose}": word for word in Consent.objects.filter(patient=anna).exclude(source="test")
    }
    assert {name: word.granted for name, word in new.items()} == {
        "sms:marketing": True, "call:marketing": False, "sms:service": False
    }  # fmt: skip
    for word in new.values():
        assert word.source == source_word("preferences")
        assert str(message.pk) in word.proof
        text = ConsentText.objects.get(version=word.text_version)
        assert (text.purpose, text.language) == (word.purpose, "ru")
        assert "Клиника «Василёк»" in text.text
        assert text.text in strict.get(url(message)).text
    assert Consent.objects.get(patient=anna, channel="call", source="test").until == new["call:marketing"].at


def test_saving_twice_is_once(strict: Client) -> None:
    (anna,) = make_patients()
    message = sent(anna)
    for _time in range(2):
        strict.post(url(message), {"allow": ["email:service"], "do": "save"})
    assert Consent.objects.filter(patient=anna).exclude(source="test").count() == 5
    assert ConsentText.objects.count() == 2


def test_a_changed_text_is_another_version(strict: Client) -> None:
    (anna,) = make_patients()
    message = sent(anna)
    strict.post(url(message), {"do": "no_advertising"})
    policy(consent_marketing="Согласен на рекламу от {clinic}.", clinic_name="Ромашка")
    strict.post(url(message), {"allow": ["email:marketing"], "do": "save"})
    newest = Consent.objects.get(patient=anna, channel="email", purpose="marketing", until=None)
    assert ConsentText.objects.get(version=newest.text_version).text == "Согласен на рекламу от Ромашка."
    assert ConsentText.objects.filter(purpose="marketing").count() == 2


def test_the_text_is_that_of_the_language_chosen_on_the_page(strict: Client) -> None:
    (anna,) = make_patients()
    message = sent(anna)
    page = strict.get(url(message) + "?language=en").text
    assert "The consent is voluntary" in page
    strict.post(url(message) + "?language=en", {"do": "no_advertising"})
    assert {text.language for text in ConsentText.objects.all()} == {"en"}


def test_no_advertising_at_all_leaves_service_messages(strict: Client) -> None:
    (anna,) = make_patients()
    strict.post(url(sent(anna)), {"do": "no_advertising"})
    assert words(anna) == {"email:marketing": False, "sms:marketing": False, "call:marketing": False}


def test_allowing_again_lifts_what_the_patient_stopped_and_nothing_else(strict: Client) -> None:
    (anna,) = make_patients()
    message, now = sent(anna), timezone.now()
    preferences.unsubscribe(message.pk, "page", now)
    suppress("email", address_key(anna.email), "complaint", now)
    suppress("email", address_key(anna.email), "manual", now)
    page = strict.get(url(message)).text
    assert "email:marketing" not in ticked(page)
    strict.post(url(message), {"allow": ["email:marketing"], "do": "save"})
    assert [stop.reason for stop in Suppression.objects.filter(lifted_at=None)] == ["manual"]
    assert words(anna)["email:marketing"] is True


def test_an_address_that_bounced_is_named(strict: Client) -> None:
    (anna,) = make_patients()
    suppress("email", address_key(anna.email), "bounce", timezone.now(), marketing_only=False)
    assert strict.get(url(sent(anna))).text.count('id="email-') == 4
    lines = {(line.channel, line.purpose): line.stopped for line in preferences.choices(anna)}
    assert lines["email", "service"] == lines["email", "marketing"] == "bounce"
    assert lines["sms", "marketing"] == ""


def test_made_up_channels_and_purposes_are_passed_over(strict: Client) -> None:
    (anna,) = make_patients()
    before = words(anna)
    allow = [*before, "email:service", "sms:service", "call:service", "push:marketing", "x", "email:", ":::", "\x00"]
    strict.post(url(sent(anna)), {"allow": allow, "do": "save"})
    assert words(anna) == before


def test_a_guardian_sees_and_changes_their_own_words(strict: Client) -> None:
    (mother,) = make_patients(consented=("email",))
    (child,) = make_patients(consented=("sms",), guardian=mother, email=mother.email, phone=mother.phone)
    message = sent(child, recipient=mother)
    assert ticked(strict.get(url(message)).text) >= {"email:marketing"}
    strict.post(url(message), {"do": "no_advertising"})
    assert words(child) == {"sms:marketing": True}
    assert words(mother)["email:marketing"] is False


def test_the_page_closes_a_year_after_the_message_and_unsubscribing_does_not(strict: Client) -> None:
    (anna,) = make_patients()
    message = make_message(anna, at=timezone.now() - preferences.OPEN_FOR - dt.timedelta(minutes=1))
    for response in (strict.get(url(message)), strict.post(url(message), {"allow": ["sms:marketing"]})):
        assert response.status_code == 404
    word = links.token("unsubscribe", message.pk)
    assert strict.post(f"/u/{word}", {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert words(anna)["email:marketing"] is False
    assert MessageEvent.objects.count() == 1


def test_the_page_is_that_of_the_card_that_was_kept(strict: Client) -> None:
    double, kept = make_patients(2, email="one@example.org")
    Patient.objects.filter(pk=double.pk).update(merged_into=kept)
    strict.post(url(sent(double)), {"do": "no_advertising"})
    assert words(kept)["email:marketing"] is False
    assert words(double)["email:marketing"] is True


def test_what_was_planned_before_the_patient_unsubscribed_does_not_go(strict: Client) -> None:
    """The check right before sending sees the link pressed in an earlier mail; taken back, the mail may go."""
    (anna,) = make_patients()
    word = links.token("unsubscribe", sent(anna).pk)
    campaign = launch(make_campaign())
    planned = Message.objects.get(campaign=campaign)
    assert gate.recheck([planned.pk], NOW) == {}
    strict.post(f"/u/{word}", {"List-Unsubscribe": "One-Click"})
    assert gate.recheck([planned.pk], NOW)[planned.pk].reason in {"no_consent", "suppressed_address"}
    strict.post(f"/u/{word}", {"do": "undo"})
    assert gate.recheck([planned.pk], NOW) == {}

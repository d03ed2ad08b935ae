"""The pages behind the links of messages, without a browser: refusals, unsubscribing, the redirect."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns import links
from campaigns.models import Campaign, Link, Message, MessageEvent, Suppression
from campaigns.models.content import TemplateText
from campaigns.selectors.clicks import BY_PEOPLE, by_people
from campaigns.services.hearing.tracking import NewEvent, record
from patients.models import Consent, Patient
from tests.campaigns.making import (
    address_key,
    consent,
    make_campaign,
    make_message,
    make_offer,
    make_patients,
    make_template,
    policy,
)

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Language": "ru-RU,ru;q=0.9",
}


@pytest.fixture
def strict() -> Client:
    """A stranger without cookies; forms without a CSRF token are refused where one is asked for."""
    return Client(enforce_csrf_checks=True)


def sent(patient: Patient, **fields: Any) -> Message:
    text = TemplateText.objects.get(template=make_template(fields.get("channel", "email")))
    at = timezone.now() - dt.timedelta(hours=1)
    return make_message(patient, at=at, **{"text": text, **fields})


def rows() -> tuple[int, ...]:
    """How much there is of everything a page could change."""
    stopped = Suppression.objects.filter(lifted_at=None).count()
    return stopped, *(table.objects.count() for table in (MessageEvent, Suppression, Consent, Message))


def url(purpose: Any, message: Message | int, position: int = 0) -> str:
    pk = message if isinstance(message, int) else message.pk
    return f"/{purpose[0]}/{links.token(purpose, pk, position)}"


def refused(patient: Patient, channel: str = "email", purpose: str = "marketing") -> bool:
    word = Consent.objects.filter(patient=patient, channel=channel, purpose=purpose, until=None).first()
    return word is not None and not word.granted


# --- Refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("page", ["unsubscribe", "preferences", "link"])
def test_forged_foreign_and_unknown_tokens_get_one_and_the_same_page(strict: Client, page: Any, method: str) -> None:
    message = sent(make_patients()[0])
    Link.objects.create(text=message.text, position=0, url="https://clinic.example/")
    good = links.token(page, message.pk)
    others = [links.token(other, message.pk) for other in ("unsubscribe", "preferences", "link") if other != page]
    unknown = links.token(page, message.pk + 1000)
    before = rows()
    answers = {
        (response.status_code, response.content)
        for word in (*others, unknown, good[:-1], good + "x", "0" + good, "ы", "x" * 300, "..%00")
        for response in [getattr(strict, method)(f"/{page[0]}/{word}", ONE_CLICK if method == "post" else {})]
    }
    assert len(answers) == 1
    assert {status for status, _body in answers} == {405 if (page, method) == ("link", "post") else 404}
    assert rows() == before


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
@pytest.mark.parametrize("page", ["unsubscribe", "preferences", "link"])
def test_other_methods_are_refused(strict: Client, page: Any, method: str) -> None:
    assert getattr(strict, method)(url(page, sent(make_patients()[0]))).status_code == 405


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("page", ["unsubscribe", "preferences"])
def test_looking_changes_nothing(strict: Client, page: Any, method: str) -> None:
    """Mail filters open every link, also those of the headers."""
    message = sent(make_patients()[0])
    before = rows()
    response = getattr(strict, method)(url(page, message) + "?List-Unsubscribe=One-Click&do=unsubscribe&allow=x")
    assert response.status_code == 200
    assert rows() == before


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "Yes"}, {"do": "everything"}, {"do": "undo"}])
def test_a_form_that_says_something_else_changes_nothing(strict: Client, body: dict[str, str]) -> None:
    message = sent(make_patients()[0])
    before = rows()
    assert strict.post(url("unsubscribe", message), body).status_code == 200
    assert rows() == before


# --- Unsubscribing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_one_click_of_rfc_8058_unsubscribes_at_once(strict: Client, kind: str) -> None:
    """A POST of the key and value, in either encoding of the RFC; no cookie, no redirect, no question."""
    (anna,) = make_patients()
    message = sent(anna)
    body = "List-Unsubscribe=One-Click"
    if kind.startswith("multipart"):
        body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    response = strict.post(url("unsubscribe", message), body, content_type=kind)
    assert response.status_code == 200
    assert not response.cookies
    stop = Suppression.objects.get()
    assert (stop.channel, stop.address_key, stop.reason) == ("email", address_key(anna.email), "unsubscribe")
    assert stop.message_id == message.pk
    assert refused(anna)
    assert not refused(anna, "sms")
    event = MessageEvent.objects.get()
    assert (event.kind, event.machine, event.detail) == ("unsubscribed", False, {"way": "one-click"})


def test_unsubscribing_twice_is_once(strict: Client) -> None:
    (anna,) = make_patients()
    message, other = sent(anna), sent(anna)
    strict.post(url("unsubscribe", message), ONE_CLICK)
    after = rows()
    for again in (message, other):
        assert strict.post(url("unsubscribe", again), ONE_CLICK).status_code == 200
        assert strict.post(url("unsubscribe", again), {"do": "unsubscribe"}).status_code == 200
    assert rows() == after


def test_the_button_of_the_page_unsubscribes_and_undo_brings_back_what_was(strict: Client) -> None:
    (anna,) = make_patients()
    Consent.objects.filter(patient=anna, channel="email").update(text_version="2025-09", proof="архив 5")
    message = sent(anna)
    page = strict.post(url("unsubscribe", message), {"do": "unsubscribe"})
    assert 'value="undo"' in page.text
    assert refused(anna)
    page = strict.post(url("unsubscribe", message), {"do": "undo"})
    assert 'value="unsubscribe"' in page.text
    word = Consent.objects.get(patient=anna, channel="email", until=None)
    assert (word.granted, word.text_version, word.proof) == (True, "2025-09", "архив 5")
    assert not Suppression.objects.filter(lifted_at=None).exists()
    assert Suppression.objects.count() == 1  # the history stays
    again = strict.post(url("unsubscribe", message), ONE_CLICK)
    assert again.status_code == 200
    assert refused(anna)
    assert MessageEvent.objects.count() == 2


def test_undo_gives_no_consent_that_was_not_there(strict: Client) -> None:
    (anna,) = make_patients(consented=())
    message = sent(anna)
    strict.post(url("unsubscribe", message), ONE_CLICK)
    strict.post(url("unsubscribe", message), {"do": "undo"})
    assert not Consent.objects.filter(patient=anna, granted=True).exists()
    assert not Suppression.objects.filter(lifted_at=None).exists()


def test_undo_does_not_bring_back_an_address_that_bounced(strict: Client) -> None:
    message = sent(make_patients()[0])
    record([NewEvent(message.pk, "bounced", timezone.now(), "p:1")])
    strict.post(url("unsubscribe", message), ONE_CLICK)
    strict.post(url("unsubscribe", message), {"do": "undo"})
    assert [stop.reason for stop in Suppression.objects.filter(lifted_at=None)] == ["bounce"]


def test_a_consent_given_since_makes_unsubscribing_count_again(strict: Client) -> None:
    (anna,) = make_patients()
    message = sent(anna)
    strict.post(url("unsubscribe", message), ONE_CLICK)
    consent(anna, at=timezone.now())
    strict.post(url("unsubscribe", message), ONE_CLICK)
    assert refused(anna)
    assert MessageEvent.objects.count() == 2


def test_a_guardian_speaks_for_themselves_and_not_for_the_child(strict: Client) -> None:
    (mother,) = make_patients()
    (child,) = make_patients(guardian=mother, email=mother.email, phone=mother.phone)
    strict.post(url("unsubscribe", sent(child, recipient=mother)), ONE_CLICK)
    assert (refused(mother), refused(child)) == (True, False)


def test_a_link_of_an_sms_stops_sms(strict: Client) -> None:
    (anna,) = make_patients()
    message = sent(anna, channel="sms")
    page = strict.get(url("unsubscribe", message)).text
    assert f"{anna.phone[:2]} *** *** {anna.phone[-4:-2]} {anna.phone[-2:]}" in page
    strict.post(url("unsubscribe", message), ONE_CLICK)
    assert (refused(anna, "sms"), refused(anna)) == (True, False)


# --- What the pages give away ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["unsubscribe", "preferences", "link"])
def test_answers_are_not_stored_not_indexed_and_send_no_referrer(strict: Client, page: Any) -> None:
    message = sent(make_patients()[0])
    Link.objects.create(text=message.text, position=0, url="https://clinic.example/")
    for address in (url(page, message), f"/{page[0]}/nothing"):
        response = strict.get(address)
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies


@pytest.mark.parametrize("page", ["unsubscribe", "preferences"])
def test_pages_show_no_name_and_no_whole_address(strict: Client, page: Any) -> None:
    (anna,) = make_patients(last_name="Неповторимая", first_name="Аделаида", email="adelaida.n@mail.ru")
    text = strict.get(url(page, sent(anna))).text
    assert "a***@mail.ru" in text
    for secret in ("Неповторимая", "Аделаида", "adelaida", anna.phone, anna.phone[2:], anna.external_id + "<"):
        assert secret not in text


def test_a_new_owner_of_an_old_address_learns_nothing_and_can_only_refuse(strict: Client) -> None:
    (anna,) = make_patients(email="old@mail.ru")
    message = sent(anna)
    Patient.objects.filter(pk=anna.pk).update(email="new@mail.ru")
    assert strict.get(url("preferences", message)).status_code == 404
    page = strict.get(url("unsubscribe", message)).text
    assert "mail.ru" not in page
    assert "/p/" not in page
    strict.post(url("unsubscribe", message), ONE_CLICK)
    assert Suppression.objects.get().address_key == address_key("old@mail.ru")
    assert not refused(anna)


@pytest.mark.parametrize(("language", "word"), [("ru", 'lang="ru"'), ("en", 'lang="en"')])
def test_pages_speak_the_language_of_the_message(strict: Client, language: str, word: str) -> None:
    text = TemplateText.objects.get(template=make_template("email", **{language: "…"}))
    message = sent(make_patients(language="ru")[0], text=text)
    response = strict.get(url("unsubscribe", message))
    assert f"<html {word}>" in response.text
    assert response["Content-Language"] == language
    assert '<html lang="en">' in strict.get(url("unsubscribe", message) + "?language=en").text


# --- The redirect ------------------------------------------------------------------------------------------------


@pytest.fixture
def clicked() -> Message:
    """A message of an hour ago with links at the positions 0, 1 and 2."""
    campaign: Campaign = make_campaign()
    message = sent(make_patients()[0], campaign=campaign)
    for position in range(3):
        Link.objects.create(text=message.text, position=position, url=f"https://clinic.example/{position}?a=b#c")
    return message


def test_a_click_leads_to_the_stored_address_and_is_noted(strict: Client, clicked: Message) -> None:
    response = strict.get(url("link", clicked, 1), headers=BROWSER)
    assert response.status_code == 302
    assert response["Location"] == (
        f"https://clinic.example/1?a=b&utm_source=clinic_crm&utm_medium=email&utm_campaign=c{clicked.campaign_id}#c"
    )
    event = MessageEvent.objects.get()
    assert (event.kind, event.machine, event.link.position) == ("clicked", False, 1)
    assert event.detail == {}


def test_marks_can_be_switched_off(strict: Client, clicked: Message) -> None:
    policy(utm_marks=False)
    assert strict.get(url("link", clicked))["Location"] == "https://clinic.example/0?a=b#c"


def test_asking_by_head_is_no_click(strict: Client, clicked: Message) -> None:
    response = strict.head(url("link", clicked, 1), headers=BROWSER)
    assert response.status_code == 302
    assert not MessageEvent.objects.exists()


@pytest.mark.parametrize(
    "extra",
    [
        "?url=https://evil.example", "?next=//evil.example", "?u=javascript:alert(1)", "#//evil.example",
        "?utm_source=x%0d%0aSet-Cookie:a=b",
    ],
)  # fmt: skip
def test_nothing_in_the_address_changes_where_it_leads(strict: Client, clicked: Message, extra: str) -> None:
    response = strict.get(url("link", clicked) + extra, headers={**BROWSER, "Referer": "https://evil.example"})
    assert response["Location"].startswith("https://clinic.example/0?a=b&utm_source=clinic_crm")
    assert "evil" not in str(response.headers)


@pytest.mark.parametrize("stored", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "ftp://x", "", "/u/x"])
def test_a_stored_address_that_is_no_web_address_leads_nowhere(strict: Client, stored: str) -> None:
    message = sent(make_patients()[0])
    Link.objects.create(text=message.text, position=0, url=stored)
    assert strict.get(url("link", message), headers=BROWSER).status_code == 404
    assert not MessageEvent.objects.exists()


def test_the_page_of_the_offer_is_a_target_too(strict: Client) -> None:
    offer = make_offer(url="https://clinic.example/offer")
    message = sent(make_patients()[0], offer=offer)
    Link.objects.create(text=message.text, position=1, url="{{ offer.url }}")
    assert strict.get(url("link", message, 1))["Location"].startswith("https://clinic.example/offer?utm_source=")
    type(offer).objects.filter(pk=offer.pk).update(url="")
    assert strict.get(url("link", message, 1)).status_code == 404


def test_a_link_of_another_text_cannot_be_reached(strict: Client, clicked: Message) -> None:
    other = sent(make_patients()[0])
    assert strict.get(url("link", other, 1), headers=BROWSER).status_code == 404
    assert strict.get(url("link", clicked, 3), headers=BROWSER).status_code == 404
    assert strict.get(url("link", sent(make_patients()[0], text=None), 0)).status_code == 404


def test_two_presses_within_a_second_are_one_click_and_a_filter_beside_is_another(
    strict: Client, clicked: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timezone.now().replace(microsecond=100_000)
    monkeypatch.setattr("campaigns.views.public.timezone.now", lambda: at)
    for headers in (BROWSER, BROWSER, {**BROWSER, "User-Agent": "BarracudaCentral/1.0"}):
        assert strict.get(url("link", clicked), headers=headers).status_code == 302
    assert sorted(MessageEvent.objects.values_list("machine", flat=True)) == [False, True]
    assert by_people().count() == 1


def test_of_a_burst_over_several_links_no_click_is_a_persons(
    strict: Client, clicked: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first click of the burst was stored as a person's: it is left out when people are counted."""
    at = timezone.now()
    for n in range(3):
        monkeypatch.setattr("campaigns.views.public.timezone.now", lambda n=n: at + dt.timedelta(milliseconds=300 * n))
        strict.get(url("link", clicked, n), headers=BROWSER)
    events = MessageEvent.objects.order_by("at")
    assert [(event.machine, event.detail.get("signs")) for event in events] == [
        (False, None),
        (True, ["burst"]),
        (True, ["burst"]),
    ]
    assert by_people().count() == 0
    raw = MessageEvent.objects.raw(f"SELECT e.id FROM campaigns_messageevent e WHERE {BY_PEOPLE}")
    assert [event.pk for event in raw] == []
    monkeypatch.setattr("campaigns.views.public.timezone.now", lambda: at + dt.timedelta(minutes=3))
    strict.get(url("link", clicked, 2), headers=BROWSER)
    assert by_people().count() == 1
    raw = MessageEvent.objects.raw(f"SELECT e.id FROM campaigns_messageevent e WHERE {BY_PEOPLE}")
    assert [event.pk for event in raw] == [by_people().get().pk]


def test_a_click_right_after_sending_is_a_machines(strict: Client, clicked: Message) -> None:
    Message.objects.filter(pk=clicked.pk).update(sent_at=timezone.now() - dt.timedelta(seconds=2))
    strict.get(url("link", clicked), headers=BROWSER)
    assert MessageEvent.objects.get().detail == {"signs": ["at_once"]}


def test_a_full_stop_behind_the_link_is_forgiven(strict: Client, clicked: Message) -> None:
    assert strict.get(url("link", clicked) + ").", headers=BROWSER).status_code == 302


@pytest.mark.django_db
def test_pages_make_few_queries(strict: Client, clicked: Message, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(9):
        strict.get(url("link", clicked), headers=BROWSER)
    with django_assert_max_num_queries(9):
        strict.get(url("unsubscribe", clicked))
    with django_assert_max_num_queries(16):
        strict.get(url("preferences", clicked))


@pytest.mark.django_db(transaction=True)
def test_a_mail_service_that_sends_its_request_four_times_at_once_unsubscribes_once() -> None:
    (anna,) = make_patients()
    message = sent(anna)
    statuses: list[int] = []

    def press() -> None:
        statuses.append(Client().post(url("unsubscribe", message), ONE_CLICK).status_code)
        connection.close()

    threads = [threading.Thread(target=press) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    assert MessageEvent.objects.count() == Suppression.objects.count() == 1
    assert Consent.objects.filter(patient=anna, channel="email").count() == 2

"""The patient's side in a real browser: unsubscribe, change one's mind, choose per channel; ru and en, on a phone."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from campaigns import links
from campaigns.models import Message, Suppression
from campaigns.models.content import TemplateText
from patients.models import Consent
from tests.campaigns.making import make_message, make_patients, make_template, policy

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def letter(language: str) -> Message:
    (anna,) = make_patients(language=language, email="anna.petrova@mail.ru", consented=("email",))
    text = TemplateText.objects.get(template=make_template("email", **{language: "…"}))
    policy(clinic_name="Клиника «Василёк»", clinic_details="Москва, лицензия Л041-01137-77/00000000")
    return make_message(anna, text=text, at=timezone.now() - dt.timedelta(hours=2))


def words(message: Message) -> dict[str, bool]:
    said = Consent.objects.filter(patient=message.patient, until=None)
    return {f"{word.channel}:{word.purpose}": word.granted for word in said}


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_patient_unsubscribes_comes_back_and_chooses(
    browser: Any, live_server: Any, language: str, scripts: bool
) -> None:
    message = letter(language)
    context = browser.new_context(
        viewport={"width": 390, "height": 780}, java_script_enabled=scripts, locale="de-DE", is_mobile=True
    )
    page, problems = context.new_page(), []
    page.set_default_timeout(10_000)
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))

    page.goto(links.unsubscribe_url(live_server.url, message.pk))
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("main")).to_contain_text("a***@mail.ru")
    assert not Suppression.objects.exists()
    page.click("button[value=unsubscribe]")
    expect(page.locator("button[value=undo]")).to_be_visible()
    assert words(message) == {"email:marketing": False}

    page.click("button[value=undo]")
    expect(page.locator("button[value=unsubscribe]")).to_be_visible()
    assert words(message) == {"email:marketing": True}
    page.click("button[value=unsubscribe]")

    page.click("main a")
    box = page.get_by_role("checkbox")
    expect(box).to_have_count(6)
    expect(page.locator("#email-marketing")).not_to_be_checked()
    expect(page.locator("#sms-service")).to_be_checked()
    page.check("#sms-marketing")
    page.uncheck("#call-service")
    page.click("button[value=save]")
    expect(page.locator("[role=status]")).to_be_visible()
    expect(page.locator("#sms-marketing")).to_be_checked()
    expect(page.locator("#call-service")).not_to_be_checked()
    assert words(message) == {"email:marketing": False, "sms:marketing": True, "call:service": False}
    if scripts:
        assert page.evaluate(WIDER) <= 0
        assert context.cookies() == []

    other = "en" if language == "ru" else "ru"
    page.click(f".languages [lang={other}]")
    expect(page.locator("html")).to_have_attribute("lang", other)
    page.click("button[value=no_advertising]")
    expect(page.locator("#sms-marketing")).not_to_be_checked()
    expect(page.locator("html")).to_have_attribute("lang", other)
    assert words(message)["sms:marketing"] is False
    assert "anna" not in page.content().lower()
    assert problems == []
    context.close()


def test_everything_can_be_done_by_the_keyboard(page: Any, live_server: Any) -> None:
    message = letter("ru")
    page.goto(links.preferences_url(live_server.url, message.pk))
    page.locator("#email-marketing").focus()
    page.keyboard.press("Space")
    for _step in range(6):
        page.keyboard.press("Tab")
    expect(page.locator("button[value=save]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]")).to_be_visible()
    assert words(message) == {"email:marketing": False}


def test_a_broken_link_is_told_calmly(page: Any, live_server: Any) -> None:
    response = page.goto(f"{live_server.url}/u/whatever")
    assert response.status == 404
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate(WIDER) <= 0

"""A marketer makes a campaign and a manager calls, by mouse, by keyboard and on a phone."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from campaigns.models import CallTask, Campaign, ChannelAccount
from segmentation.services.defaults import ensure_defaults
from tests.campaigns.making import make_patients, make_template, policy

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def marketer(page: Any, live_server: Any) -> Any:
    """A page logged in with every right but the administrator's; errors of scripts fail the test."""
    user = User.objects.create_user("marketer")
    apps = ["patients", "segmentation", "campaigns"]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=apps))
    client = Client()
    client.force_login(user)
    for name, value in (("sessionid", client.cookies["sessionid"].value), ("django_language", "en")):
        page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    assert not errors


@pytest.mark.parametrize("width", [1280, 390])
def test_wizard_from_the_audience_to_the_launch(marketer: Any, live_server: Any, width: int) -> None:
    ensure_defaults()
    policy(clinic_name="Clinic", clinic_details="Licence 1", approval=False)
    ChannelAccount.objects.create(channel="email", sender="Clinic <news@clinic.example>", price=1)
    make_template("email", ru="Ждём вас, {{ patient.first_name }}")
    make_patients(12)
    marketer.set_viewport_size({"width": width, "height": 900})
    marketer.goto(f"{live_server.url}/campaigns/")
    marketer.locator(".page-head a.btn-primary").click()
    marketer.fill("#id_name", "Autumn")
    marketer.check("input[name=everybody]")
    marketer.locator("button[value=next]").focus()
    marketer.keyboard.press("Enter")
    marketer.wait_for_url("**/edit/offer/")
    marketer.select_option("#id_A-email", index=1)
    for step in ("channels", "when", "check", "launch"):
        marketer.locator("button[value=next]").click()
        marketer.wait_for_url(f"**/edit/{step}/")
        marketer.wait_for_load_state("networkidle")
        assert marketer.evaluate(WIDER) <= 0, step
    marketer.go_back()
    marketer.wait_for_url("**/edit/check/")
    assert marketer.locator(".check-sentence").is_visible()
    marketer.goto(marketer.url.replace("check", "launch"))
    campaign = Campaign.objects.get()
    # The text has no line to unsubscribe by and no warning: the page says so and offers no launch.
    assert marketer.locator(".problems .is-error").count() > 0
    assert marketer.locator(".launch-box button").count() == 0
    assert (campaign.state, campaign.steps_saved) == ("draft", 5)


def test_draft_is_left_and_gone_on_with(marketer: Any, live_server: Any) -> None:
    marketer.goto(f"{live_server.url}/campaigns/new/")
    marketer.fill("#id_name", "Left")
    marketer.locator("button[value=next]").click()
    marketer.wait_for_load_state("networkidle")
    assert "at least one condition" in marketer.inner_text(".field-error")
    assert marketer.input_value("#id_name") == "Left"
    marketer.check("input[name=everybody]")
    marketer.locator("button[value=close]").click()
    marketer.wait_for_url("**/campaigns/*/")
    marketer.locator(".launch-box a.btn-primary").click()
    marketer.wait_for_url("**/edit/offer/")


def test_manager_on_a_phone_goes_through_the_calls(marketer: Any, live_server: Any) -> None:
    first, second = make_patients(2)
    now = timezone.now()
    for patient, due in ((first, now - dt.timedelta(hours=1)), (second, now)):
        CallTask.objects.create(patient=patient, title="Пора", script="Здравствуйте!", due_at=due)
    marketer.set_viewport_size({"width": 390, "height": 844})
    marketer.goto(f"{live_server.url}/calls/")
    assert marketer.evaluate(WIDER) <= 0
    marketer.locator(".call-next").click()
    marketer.wait_for_url("**/calls/*/")
    assert marketer.get_attribute(".call-number a", "href") == f"tel:{first.phone}"
    assert marketer.evaluate(WIDER) <= 0
    marketer.fill("#call-note", "on Friday")
    marketer.locator("button[value=booked]").click()
    marketer.wait_for_selector(".noted")
    marketer.locator(".noted button").click()
    marketer.wait_for_selector("button[value=booked]")
    assert not CallTask.objects.exclude(done_at=None).exists()
    marketer.locator("button[value='no_answer:1d']").click()
    marketer.wait_for_selector(".noted")
    marketer.locator("button[value=refused]").click()
    marketer.wait_for_url("**/calls/**")
    assert set(CallTask.objects.values_list("outcome", flat=True)) == {"no_answer", "refused"}

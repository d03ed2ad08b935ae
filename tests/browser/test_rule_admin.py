"""An administrator builds the contact-lens ladder in a browser, reads who would get it, switches it on."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from campaigns.models import ChannelAccount, Policy
from campaigns.services.sending import accounts
from clinic_crm.roles import sync_roles
from patients.models import Service
from segmentation.services.defaults import ensure_defaults
from tests.campaigns.making import _key, make_patients, make_template, make_visit
from triggers.models import TriggerRule
from triggers.selectors import ladder

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def administrator(page: Any, live_server: Any) -> Any:
    """A page of an administrator; errors of scripts fail the test."""
    sync_roles()
    ensure_defaults()
    accounts.ensure()
    ChannelAccount.objects.exclude(channel="call").update(sender="VESNA <a@vesna.example>")
    Policy.load()
    Policy.objects.update(clinic_name="Весна", clinic_details="Лицензия")
    user = User.objects.create_user("anna", email="anna@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client = Client()
    client.force_login(user)
    for name, value in (("sessionid", client.cookies["sessionid"].value), ("django_language", "ru")):
        page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    assert not errors


def choose(page: Any, field: str, words: str) -> None:
    """Pick from a list that is searched by typing."""
    page.locator(f"#{field} + .select2-container").click()
    page.keyboard.type(words)
    page.locator(".select2-results__option--highlighted").click()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_lens_ladder_is_built_and_switched_on(administrator: Any, live_server: Any, width: int) -> None:
    lenses = Service.objects.create(name="Контактные линзы", **_key())
    mail, sms = make_template("email"), make_template("sms")
    came = timezone.now() - dt.timedelta(days=23)
    (patient,) = make_patients(1)
    make_visit(patient, came, created_at=came).items.create(service=lenses, quantity=1, price=1)
    page = administrator
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{live_server.url}/admin/triggers/triggerrule/add/", timeout=30_000)  # the first page of a cold server
    page.locator("a[href='?type=recall']").click()
    page.fill("#id_name", "Линзы")
    choose(page, "id_param_services", "линзы")
    page.fill("#id_param_days", "30")
    page.select_option("#id_goal", "service")
    for number, (amount, side, channel, template) in enumerate(
        [("7", "before", "email", mail), ("3", "before", "email", mail), ("0", "after", "sms", sms)]
    ):
        if number:
            page.locator("#steps-group a.add-row").click()
        page.fill(f"#id_steps-{number}-amount", amount)
        page.select_option(f"#id_steps-{number}-side", side)
        page.select_option(f"#id_steps-{number}-template_{channel}", str(template.pk))
    assert page.evaluate(WIDER) <= 0
    page.locator("button[name=_save]").click()
    page.wait_for_selector(".rule-panel .rule-ladder")
    rule = TriggerRule.objects.get(name="Линзы")
    assert [(step.offset, step.channels) for step in ladder.current(rule)] == [
        (-7, ["email"]), (-3, ["email"]), (0, ["sms"]),
    ]  # fmt: skip
    page.locator(".rule-buttons a[href$='/today/']").click()
    page.wait_for_selector("#today-people")
    assert patient.last_name in page.locator("#today-people").inner_text()
    assert page.evaluate(WIDER) <= 0
    page.goto(f"{live_server.url}/admin/triggers/triggerrule/{rule.pk}/change/")
    page.locator(".rule-buttons a[href$='/switch/']").click()
    page.locator(".rule-buttons button[type=submit]").click()
    page.wait_for_selector(".rule-panel")
    rule.refresh_from_db()
    assert rule.enabled

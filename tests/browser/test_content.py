"""A marketer writes a letter: sees it as a patient does, is told what is wrong and where, saves it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from campaigns.models import Template, TemplateText
from campaigns.services.writing import content
from tests.campaigns.making import make_offer, make_patients, make_visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def marketer(page: Any, live_server: Any) -> Any:
    user = User.objects.create_user("marketer")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["patients", "campaigns"]))
    client = Client()
    client.force_login(user)
    cookies = {"sessionid": client.cookies["sessionid"].value, "django_language": "en"}
    page.context.add_cookies([{"name": key, "value": value, "url": live_server.url} for key, value in cookies.items()])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    assert not errors


def test_a_letter_is_written_previewed_corrected_and_saved(marketer: Any, live_server: Any) -> None:
    import datetime as dt

    from django.utils import timezone

    (anna,) = make_patients(1, first_name="Василиса")
    make_visit(anna, timezone.now() - dt.timedelta(days=30))
    offer = make_offer(name="Осенний уход", kind="percent", value=15)
    template = Template.objects.create(name="Осень", channel="email")
    content.save_text(template, "ru", "Тема", "Анонс", "Здравствуйте!\n\n:::footer")
    marketer.set_viewport_size({"width": 1440, "height": 900})
    marketer.goto(f"{live_server.url}/campaigns/templates/{template.pk}/")
    letter = marketer.frame_locator(".preview-frame")
    letter.locator("text=Здравствуйте!").wait_for()

    # What is typed appears; a wrong variable is named with its place, and the place is one press away.
    body = marketer.locator("#id_body")
    body.fill("# Привет\n\n{{ patient.frist_name }}\n\n:::footer")
    marketer.locator('.problem[data-code="unknown_variable"]').wait_for()
    marketer.locator('.problem[data-code="unknown_variable"] .problem-place').click()
    assert body.evaluate("field => field.selectionStart") == len("# Привет\n\n{{ ")

    # The picker puts a variable where the cursor is, the toolbar a block.
    body.fill("# Привет, ")
    marketer.locator(".picker summary").click()
    marketer.locator("[data-variable-search]").fill("dative")
    marketer.locator("""[data-variable='patient.first_name | case: "dative"']""").click()
    marketer.get_by_role("button", name="Offer card").click()
    marketer.get_by_role("button", name="Footer").click()
    marketer.select_option("select[name=patient]", value=str(anna.pk))
    marketer.select_option("select[name=offer]", value=str(offer.pk))
    letter.locator("text=Привет, Василисе").wait_for()
    letter.locator("text=−15").wait_for()

    # The plain twin, the phone, then a save.
    marketer.locator('[data-show="plain"]').click()
    assert "Осенний уход" in marketer.locator(".preview-plain").inner_text()
    marketer.locator('[data-show="phone"]').click()
    assert marketer.locator(".preview-frame").bounding_box()["width"] == 375
    marketer.get_by_role("button", name="Save a new version").click()
    marketer.get_by_text("Saved as version 2.").wait_for()
    text = TemplateText.objects.get(template=template, current=True)
    assert text.body == '# Привет, {{ patient.first_name | case: "dative" }}\n\n:::offer\n\n:::footer\n'


@pytest.mark.parametrize("width", [390, 1440])
def test_pages_of_content_fit_the_screen(marketer: Any, live_server: Any, width: int) -> None:
    offer = make_offer()
    mail, *_rest = content.ensure_defaults(language="en")
    marketer.set_viewport_size({"width": width, "height": 900})
    paths = ["offers/", "offers/new/", f"offers/{offer.pk}/", "templates/", "templates/new/",
             f"templates/{mail.pk}/", f"templates/{mail.pk}/versions/"]  # fmt: skip
    for path in paths:
        marketer.goto(f"{live_server.url}/campaigns/{path}")
        marketer.wait_for_load_state("networkidle")
        assert marketer.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path

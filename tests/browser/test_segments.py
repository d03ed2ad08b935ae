"""A marketer at the browser: home, overview, segment, in both languages and themes, by mouse and by keyboard."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.segmentation.pages import AS_OF, MONTH_AGO, Base

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = ["/", "/segments/", "/segments/rfm/", "/segments/rfm/champions/", "/segments/rfm/cell/5-4/"]


@pytest.fixture
def base() -> Base:
    base = Base()
    for as_of, champions in ((MONTH_AGO, 3), (AS_OF, 4)):
        base.night(
            as_of, patients=9, visited=8, lost=3, ltv=1000, nps=20, nps_answers=12, reachable=4, money_30=champions
        )
        base.total("rfm", "champions", as_of, champions, 900)
        base.total("value", "vip", as_of, 2, 600)
        base.total("lifecycle", "lost", as_of, 3)
    base.cell(5, 4, 5, 4, 900)
    for number in range(4):
        patient = base.patient(rfm=(5, 4, 5), sex="female", metrics={"money_365": number, "visits": 1})
        base.member(patient, "rfm", "champions")
    base.move("rfm", "loyal", "champions", AS_OF, 300, {"m": [3, 5]})
    base.move("rfm", "champions", "at_risk", AS_OF, 500, {"r": [5, 2]})
    return base


@pytest.fixture
def marketer(page: Any, live_server: Any, base: Base) -> Any:
    """A page logged in with everything a marketer may do; errors of scripts fail the test."""
    user = User.objects.create_user("marketer")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["patients", "segmentation"]))
    client = Client()
    client.force_login(user)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    assert not errors


@pytest.mark.parametrize(("language", "width"), [("ru", 390), ("en", 1440)])
def test_pages_draw_their_pictures_and_fit_the_screen(
    marketer: Any, live_server: Any, language: str, width: int
) -> None:
    marketer.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
    marketer.set_viewport_size({"width": width, "height": 900})
    for path in PAGES:
        marketer.goto(live_server.url + path)
        marketer.wait_for_load_state("networkidle")
        charts = marketer.locator("[data-chart]").count()
        assert marketer.locator("[data-chart][data-drawn] svg").count() == charts, path
        assert marketer.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        assert marketer.get_attribute("html", "lang") == language


def test_marketer_goes_from_the_map_to_a_patient_list(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/segments/")
    marketer.locator("#rfm-map a.heat-cell").click()
    marketer.wait_for_url("**/segments/rfm/cell/5-4/")
    assert marketer.locator(".members tbody tr").count() == 4


def test_filter_stays_in_the_address_and_can_be_taken_back(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/segments/rfm/champions/")
    marketer.select_option("#filter-sex", "male")
    marketer.wait_for_url(re.compile(r"\?.*sex=male"))
    assert "branch=" not in marketer.url
    assert marketer.locator(".members tbody tr").count() == 0
    marketer.locator(".members .empty-state a").click()
    marketer.wait_for_load_state()
    assert marketer.locator(".members tbody tr").count() == 5


def test_picture_turns_into_its_table_and_back(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/segments/rfm/champions/")
    figure = marketer.locator("#flows")
    figure.locator("[data-view-switch=table]").click()
    assert figure.locator(".chart-table tbody tr").count() == 2
    assert not figure.locator(".chart-picture").is_visible()
    figure.locator("[data-view-switch=picture]").click()
    assert figure.locator(".chart-picture svg").is_visible()


def test_theme_is_kept_without_a_flash(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/")
    marketer.locator("[data-theme-switch]").click()
    assert marketer.get_attribute("html", "data-bs-theme") == "dark"
    answer = marketer.request.get(live_server.url + "/")
    assert 'data-bs-theme="dark"' in answer.text()


def test_keyboard_reaches_search_definitions_and_content(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/")
    marketer.wait_for_load_state("networkidle")
    marketer.keyboard.press("Tab")
    assert marketer.evaluate("document.activeElement.className") == "skip-link"
    marketer.keyboard.press("/")
    assert marketer.evaluate("document.activeElement.id") == "search"
    marketer.evaluate("document.activeElement.blur()")
    marketer.keyboard.press("Control+k")
    assert marketer.evaluate("document.activeElement.id") == "search"
    marketer.locator(".stat .term").first.focus()
    marketer.wait_for_selector(".term-tip.show")
    marketer.keyboard.press("Escape")
    marketer.wait_for_selector(".term-tip", state="detached")


def test_menu_opens_and_closes_on_a_phone(marketer: Any, live_server: Any) -> None:
    marketer.set_viewport_size({"width": 390, "height": 800})
    marketer.goto(live_server.url + "/")
    assert not marketer.locator("#sidebar").is_visible()
    marketer.locator("[data-menu-toggle]").click()
    marketer.locator("#sidebar a[href='/segments/']").click()
    marketer.wait_for_url("**/segments/")
    assert not marketer.locator("#sidebar").is_visible()


def test_language_switch_comes_back_to_the_same_page(marketer: Any, live_server: Any) -> None:
    marketer.goto(live_server.url + "/segments/?m=5")
    marketer.locator(".language-switch [lang=en]").click()
    marketer.wait_for_url("**/segments/?m=5")
    assert marketer.get_attribute("html", "lang") == "en"
    assert marketer.inner_text("h1") == "Segments"

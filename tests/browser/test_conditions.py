"""A marketer who is no programmer puts conditions together: by mouse, by keyboard, on a phone, in both languages."""

import datetime as dt
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from patients.models import Branch, Patient, ServiceGroup
from segmentation.models import Segmentation
from segmentation.services.defaults import ensure_defaults
from tests.segmentation.clinic import Clinic
from tests.segmentation.pages import Base

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEW = "/segments/own/new/"


@pytest.fixture
def wanted() -> Patient:
    """One woman for whom all of the flagship is true, and others who miss one condition each."""
    base, clinic, today = Base(), Clinic(), timezone.localdate()
    base.night(today, patients=5)
    make_up = clinic.service("Перманентный макияж бровей")
    make_up.group = ServiceGroup.objects.create(name="Перманентный макияж")
    make_up.save()
    here, there = clinic.branch("Таганка"), clinic.branch("Сокол")
    long_ago, born = today - dt.timedelta(days=450), today.replace(year=today.year - 30, day=1)

    def woman(segment: str = "at_risk", born: dt.date = born, branch: Branch = here, booked: bool = False) -> Patient:
        patient = base.patient(sex="female", birth_date=born)
        base.member(patient, "rfm", segment, entered_on=today - dt.timedelta(days=3))
        clinic.visit(patient, long_ago, [(make_up, 9000)], branch=branch)
        if booked:
            clinic.visit(patient, today + dt.timedelta(days=5), status="booked")
        return patient

    woman(segment="champions")
    woman(born=born.replace(year=today.year - 70))
    woman(branch=there)
    woman(booked=True)
    return woman(segment="cant_lose")


@pytest.fixture
def marketer(page: Any, live_server: Any) -> Any:
    """A page logged in with everything a marketer may do; errors of scripts fail the test."""
    ensure_defaults()
    user = User.objects.create_user("marketer")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["patients", "segmentation"]))
    client = Client()
    client.force_login(user)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    language = {"name": "django_language", "value": "en", "url": live_server.url}
    page.context.add_cookies([cookie, language])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    assert not errors


def tree(page: Any) -> Any:
    return json.loads(page.input_value("[data-conditions-value]"))


def counted(page: Any, number: int) -> None:
    page.wait_for_selector(f"[data-conditions][data-patients='{number}']")


def choose(page: Any, field: Any, words: str) -> None:
    """Type a part of a name and take what is found, by keyboard alone."""
    search = field.locator(".cond-search")
    search.press_sequentially(words)
    field.locator(".cond-options li[role=option]").first.wait_for()
    search.press("ArrowDown")
    search.press("Enter")


def added(page: Any, attribute: str) -> Any:
    page.locator(".cond-group.is-root > .cond-add > select").select_option(attribute)
    return page.locator(".cond-group.is-root > .cond-list > *").last


def test_marketer_builds_the_flagship_and_saves_it(marketer: Any, live_server: Any, wanted: Patient) -> None:
    marketer.goto(live_server.url + NEW)
    counted(marketer, 5)
    segments = added(marketer, "segment")
    choose(marketer, segments.locator("[data-field=value]"), "At risk")
    choose(marketer, segments.locator("[data-field=value]"), "lose")
    counted(marketer, 4)
    age = added(marketer, "age")
    age.locator("input").nth(0).fill("25")
    age.locator("input").nth(1).fill("55")
    counted(marketer, 3)
    service = added(marketer, "service_visit")
    service.locator(".cond-operator").select_option("first")
    service = marketer.locator(".cond-leaf").last
    choose(marketer, service.locator("[data-field=groups]"), "перманент")
    service.locator("[data-more=ago]").click()
    service = marketer.locator(".cond-leaf").last
    service.locator(".cond-shape").select_option("between")
    service.locator("[data-field=ago] input").nth(0).fill("12")
    service.locator("[data-field=ago] input").nth(1).fill("18")
    service.locator("[data-more=branch]").click()
    choose(marketer, marketer.locator(".cond-leaf").last.locator("[data-field=branch]"), "Таганка")
    counted(marketer, 2)
    booked = added(marketer, "appointment")
    booked.locator(".cond-not").select_option("not")
    counted(marketer, 1)
    sentence = marketer.inner_text("[data-conditions-sentence]")
    assert sentence == (
        "In the segment “At risk” or “Can't lose”; age 25–55 years; first service of the group “Перманентный макияж” "
        "12–18 months ago in the branch “Таганка”; has no appointment"
    )
    marketer.fill("[name=name]", "Коррекция")
    marketer.click("button:has-text('Save the segment')")
    marketer.wait_for_url("**/members/")
    saved = Segmentation.objects.get(kind="rule").params["where"]
    assert [part.get("attribute") for part in saved["all"]][:3] == ["segment", "age", "service_visit"]
    assert saved["all"][3] == {"not": {"attribute": "appointment", "is": "any"}}
    assert marketer.locator(".members tbody tr").count() == 1
    assert wanted.last_name in marketer.inner_text(".members tbody")
    marketer.click("a:has-text('Edit')")
    counted(marketer, 1)
    assert tree(marketer) == saved


def test_groups_are_nested_duplicated_and_removed(marketer: Any, live_server: Any, wanted: Patient) -> None:
    marketer.goto(live_server.url + NEW)
    added(marketer, "birthday")
    marketer.locator("[data-add-group]").last.click()
    inner = marketer.locator(".cond-group .cond-group")
    inner.locator("> .cond-head .cond-mode").select_option("none")
    inner.locator("> .cond-add > select").select_option("has_phone")
    birthday = {"attribute": "birthday", "is": "ahead", "value": {"to": 14, "unit": "days"}}
    phone = {"attribute": "has_phone", "is": "yes"}
    assert tree(marketer) == {"all": [birthday, {"not": {"any": [phone]}}]}
    marketer.locator(".cond-group .cond-group .cond-head [aria-label=Duplicate]").click()
    assert tree(marketer) == {"all": [birthday, {"not": {"any": [phone]}}, {"not": {"any": [phone]}}]}
    marketer.locator(".cond-leaf").first.locator("[aria-label=Remove]").click()
    marketer.locator(".is-root > .cond-head .cond-mode").select_option("any")
    assert tree(marketer) == {"any": [{"not": {"any": [phone]}}, {"not": {"any": [phone]}}]}


def test_what_is_not_filled_in_is_told_where_it_stands(marketer: Any, live_server: Any, wanted: Patient) -> None:
    marketer.goto(live_server.url + NEW)
    added(marketer, "age")
    problem = marketer.locator(".cond-leaf .cond-problem:not([hidden])")
    problem.wait_for()
    assert problem.inner_text() == "years: Fill this in."
    marketer.locator(".cond-leaf input").nth(0).fill("40")
    marketer.locator(".cond-leaf input").nth(1).fill("30")
    problem.filter(has_text="must not be greater").wait_for()
    marketer.locator(".cond-leaf input").nth(1).fill("50")
    marketer.locator(".cond-leaf .cond-problem[hidden]").wait_for(state="attached")


@pytest.mark.parametrize(("language", "width"), [("ru", 390), ("en", 1280)])
def test_every_recipe_can_be_taken_and_fits_the_screen(
    marketer: Any, live_server: Any, wanted: Patient, language: str, width: int
) -> None:
    marketer.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
    marketer.set_viewport_size({"width": width, "height": 844})
    marketer.goto(live_server.url + NEW)
    recipes = marketer.locator("[data-recipe]").count()
    assert recipes == 8
    for number in range(recipes):
        marketer.goto(live_server.url + NEW)
        marketer.locator("[data-recipe]").nth(number).click()
        marketer.locator(".conditions:not([aria-busy]) [data-conditions-sentence]:not(:empty)").wait_for()
        assert marketer.locator(".cond-problem:not([hidden])").count() == 0
        assert marketer.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_control_has_a_name(marketer: Any, live_server: Any, wanted: Patient) -> None:
    marketer.goto(live_server.url + NEW)
    for attribute in ("service_visit", "paid", "segment", "consent", "city", "last_visit"):
        added(marketer, attribute)
        while marketer.locator("[data-more]").count():
            marketer.locator("[data-more]").first.click()
    nameless = marketer.evaluate(
        """Array.from(document.querySelectorAll('.conditions :is(input, select, button):not([type=hidden])'))
             .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')))
             .map(e => e.outerHTML)"""
    )
    assert nameless == []

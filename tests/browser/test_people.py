"""Searching for a patient, reading the card, changing thresholds: by mouse and keyboard, in a real browser."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from clinic_crm.nightly import run_night
from clinic_crm.roles import sync_roles
from patients.models import Integration, Patient, Visit
from segmentation.models import Segmentation
from segmentation.services.defaults import ensure_defaults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TODAY = dt.date(2026, 3, 2)


@pytest.fixture
def clinic(db: None) -> Patient:
    """Ivanov with thirty visits among others, after a night; a superuser to log in."""
    sync_roles()
    ensure_defaults()
    User.objects.create_superuser("chief", password="long-enough-1")
    source = Integration.objects.create(code="mis", name="МИС")
    names = ("Иванов", "Петров", "Сидорова")
    registered = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    people = [
        Patient.objects.create(
            source=source, external_id=str(n), last_name=name, phone=f"+7916000000{n}", registered_at=registered
        )
        for n, name in enumerate(names)
    ]
    for patient, visits in zip(people, (30, 2, 1), strict=True):
        for n in range(visits):
            day = TODAY - dt.timedelta(days=20 + 30 * n)
            at = dt.datetime.combine(day, dt.time(9), dt.UTC)
            own = {"source": source, "external_id": f"{patient.pk}-{n}", "patient": patient}
            Visit.objects.create(starts_at=at, starts_on=day, status="completed", **own)
    run_night(TODAY)
    return people[0]


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=10_000)


def enter(page: Any, server: Any, language: str) -> list[str]:
    """Log in; the list collects errors of scripts and refusals by the content security policy."""
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    page.context.add_cookies([{"name": "django_language", "value": language, "url": server.url}])
    page.goto(f"{server.url}/login/")
    page.fill("[name=username]", "chief")
    page.fill("[name=password]", "long-enough-1")
    page.click("form button.btn-primary")
    page.wait_for_selector("#search")
    page.wait_for_load_state("networkidle")  # the scripts that listen to the keyboard are there
    return problems


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_patient_is_found_by_the_keyboard_and_read(
    page: Any, live_server: Any, clinic: Patient, language: str
) -> None:
    problems = enter(page, live_server, language)
    page.keyboard.press("/")
    page.keyboard.type("иванов")
    page.wait_for_selector("#search-hits a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/patients/{clinic.pk}/")
    assert page.locator("h1").inner_text() == "Иванов"
    facts = page.locator(".timeline > li")
    expect(facts).to_have_count(21)  # twenty and the button
    page.click(".timeline-more a")
    expect(facts).to_have_count(30)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not problems


def test_the_list_searches_while_one_types_and_keeps_names_out_of_the_address(
    page: Any, live_server: Any, clinic: Patient
) -> None:
    problems = enter(page, live_server, "en")
    page.goto(f"{live_server.url}/patients/")
    rows = page.locator("#patient-list tbody tr")
    expect(rows).to_have_count(3)
    page.fill("#patient-words", "8 916 000-00-01")
    expect(rows).to_have_count(1)
    assert "Петров" in page.locator("#patient-list").inner_text()
    page.fill("#patient-words", "nobody at all")
    page.wait_for_selector("#patient-list .empty-state")
    assert page.url == f"{live_server.url}/patients/"
    page.fill("#patient-words", "иванов")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    assert not problems


def test_thresholds_are_confirmed_before_they_are_saved(page: Any, live_server: Any, clinic: Patient) -> None:
    enter(page, live_server, "en")
    rfm = Segmentation.objects.get(code="rfm")
    page.goto(f"{live_server.url}/admin/segmentation/segmentation/{rfm.pk}/change/")
    page.select_option("[name=threshold_borders]", "fixed")
    page.click("button[name=_save]")
    page.wait_for_selector("#preview-moved")
    rfm.refresh_from_db()
    assert rfm.params["borders"] == "quantile"
    page.click("button[name=_confirmed]")
    page.wait_for_url("**/admin/segmentation/segmentation/")
    rfm.refresh_from_db()
    assert rfm.params["borders"] == "fixed"

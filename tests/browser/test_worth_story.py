"""The story of what patients are worth, in a browser: expected money, learned intervals, clusters with personas.

The base is the generator's, so the truth is known: its cycles, and what everybody comes for. Nights are lived and
clusters are looked for by a real worker over a real broker; a MIS reads the profile over REST. Sums are made once more
from visits and payments, with the formulas of the papers.
"""

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone, translation
from scipy.special import hyp2f1

from clinic_crm.nightly import run_nights
from clinic_crm.roles import sync_roles
from patients import demo, wording
from patients.demo.lines import LINES
from patients.models import Patient, Payment, Service, Visit, VisitItem
from segmentation.models import ClusterFit, Forecast, LtvFit, Membership, NightlyRun, ServiceRhythm
from segmentation.services.defaults import ensure_defaults
from tests.browser.living import PASSWORD, log_in
from tests.conftest import eventually
from tests.scenarios.mis import Mis

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]
CARDIOLOGIST = "S61"  # set by hand to half a year, while its line comes every three months
YEAR_IN_WEEKS = 365 / 7
PERSONA = {
    "problem": "Боятся, что увидят вмешательство", "need": "Один врач на годы", "fears": "Навязанные процедуры",
    "offer": "План ухода на год",
}  # fmt: skip


@pytest.fixture
def clinic(transactional_db: None) -> dt.date:
    """Two thousand patients, three years, yesterday's night; a marketer and an administrator. Returns yesterday."""
    sync_roles()
    ensure_defaults()
    today = timezone.localdate()
    demo.seed(patients=2000, years=3, seed=7, as_of=today)
    for name in ("marketer", "administrator"):
        user = User.objects.create_user(name, password=PASSWORD, is_staff=name == "administrator")
        user.groups.add(Group.objects.get(name=name))
    yesterday = today - dt.timedelta(days=1)
    run_nights([yesterday])
    return yesterday


@pytest.fixture
def marketer(clinic: dt.date, page: Any, live_server: Any) -> Iterator[Any]:
    """Logged in by the form; errors of scripts fail the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    log_in(page, live_server.url, "marketer")
    with translation.override("ru"):
        yield page
    assert not errors


def digits(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def days_of_visits(until: dt.date) -> dict[int, list[dt.date]]:
    """Patient -> the days with a completed visit up to a date, in order."""
    rows = Visit.objects.filter(status="completed", deleted_at=None, starts_on__lte=until)
    found: dict[int, list[dt.date]] = defaultdict(list)
    for patient, day in rows.order_by("starts_on").values_list("patient_id", "starts_on").distinct():
        found[patient].append(day)
    return found


def paid_of(until: dt.date) -> dict[int, Decimal]:
    found: dict[int, Decimal] = defaultdict(Decimal)
    for patient, kind, amount in Payment.objects.filter(deleted_at=None, paid_on__lte=until).values_list(
        "patient_id", "kind", "amount"
    ):
        found[patient] += -amount if kind == "refund" else amount
    return found


def expected_money(fit: LtvFit, days: list[dt.date], paid: float) -> float:
    """Of the coming year: equation 10 of Fader, Hardie & Lee 2005 × equation 5 of Fader & Hardie 2013."""
    r, alpha, a, b = (fit.visits_params[name] for name in ("r", "alpha", "a", "b"))
    x, t_x, age = len(days) - 1, (days[-1] - days[0]).days / 7, (fit.as_of - days[0]).days / 7
    later = alpha + age + YEAR_IN_WEEKS
    series = hyp2f1(r + x, b + x, a + b + x - 1, YEAR_IN_WEEKS / later)
    visits = (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / later) ** (r + x) * series)
    if x:
        visits /= 1 + a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x)
    p, q, gamma = (fit.money_params[name] for name in ("p", "q", "gamma"))
    bill = p * (gamma + paid) / (p * len(days) + q - 1) if paid > 0 else p * gamma / (q - 1)
    return float(visits * bill * (fit.bill_level or 1))


def test_from_expected_money_to_clusters_with_personas(
    clinic: dt.date, marketer: Any, celery_worker_process: Any, live_server: Any, browser: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    page, address = marketer, live_server.url
    expected_money_is_that_of_the_rows(page, address, clinic)
    the_calibration_tells_its_error(page, address, clinic)
    days = the_learned_interval_is_the_generators(page, address)
    due = dict(ServiceRhythm.objects.filter(service__external_id=CARDIOLOGIST).values_list("patient_id", "last_on"))
    taken_over(browser, address, days)

    clusters = made_from_nothing(page, address)
    names = described(page, clusters)
    a_night_passes(page, address)
    assert shown(page, clusters) == names, "patients move, clusters stay who they are"
    page.locator("form[action$='/search/'] button").click()
    eventually(lambda: ClusterFit.objects.filter(state="done", outcome="found").count() == 2, timeout=60)
    again = shown(page, clusters)
    assert len(again.keys() & names.keys()) >= 3, "found anew, they are known again"
    assert all(again[code] == name for code, name in names.items() if code in again)
    assert PERSONA["offer"] in page.inner_text("#persona-c1")

    due_dates_follow(due, days)
    call_command("create_integration", "demo", scopes="read", rotate=True)
    the_profile_is_the_card(page, address, Mis(address, capsys.readouterr().out.strip()))


def expected_money_is_that_of_the_rows(page: Any, address: str, as_of: dt.date) -> None:
    page.goto(f"{address}{reverse('ltv')}")
    page.wait_for_selector("#figures .tiles")
    page.wait_for_selector("[data-chart]:not([data-drawn])", state="detached")
    fit, paid = LtvFit.objects.get(as_of=as_of), paid_of(as_of)
    assert (fit.visits_method, fit.money_method) == ("ml", "ml")
    total = sum(expected_money(fit, days, float(paid[patient])) for patient, days in days_of_visits(as_of).items())
    assert total > 1_000_000
    told = page.locator("#figures .tiles .stat-value").first.inner_text()
    stored = Forecast.objects.aggregate(sum=Sum("money_12m"))["sum"]
    assert float(stored) == pytest.approx(total, rel=1e-6)
    assert told == wording.money_short(stored)
    for part in ("tier", "channel", "service"):
        table = page.locator(f"#by_{part} tbody tr td:last-child")
        assert sum(map(digits, table.all_text_contents())) == pytest.approx(total, rel=1e-4), part
    page.goto(f"{address}{reverse('home')}")
    assert told in page.inner_text("main")


def the_calibration_tells_its_error(page: Any, address: str, as_of: dt.date) -> None:
    """What has happened is counted once more; it is what was expected half a year ago, give or take a seventh."""
    page.goto(f"{address}{reverse('ltv_calibration')}")
    page.wait_for_selector("[data-chart]:not([data-drawn])", state="detached")
    split = as_of - dt.timedelta(days=182)
    happened = sum(
        sum(day > split for day in days) for days in days_of_visits(as_of).values() if days and days[0] <= split
    )
    visits, _money, correlation, _tenths = page.locator(".tiles .stat").all_inner_texts()
    assert wording.number(happened) in visits
    cells = page.locator("#history tbody tr").first.locator("td").all_inner_texts()
    expected, actual = digits(cells[3]), digits(cells[4])
    assert actual == happened > 1000
    assert abs(actual / expected - 1) < 0.15 and wording.signed_share(actual / expected - 1)[:2] in visits
    assert float(re.findall(r"0,\d+", correlation)[0].replace(",", ".")) > 0.5


def the_learned_interval_is_the_generators(page: Any, address: str) -> int:
    """The interval on the page, in days. A marketer sees it and cannot take it."""
    service = Service.objects.get(external_id=CARDIOLOGIST)
    page.goto(f"{address}{reverse('cycles')}")
    row = page.locator("table.cycles tbody tr", has=page.locator(f"a[href$='/cycles/{service.pk}/']"))
    learned = row.locator("td[data-label=Изучен]").inner_text()
    days = digits(learned.split("95 %")[0])
    truth = next(line.cycle for line in LINES if line.code == "heart")
    assert days == pytest.approx(truth, rel=0.08)
    assert "раньше" in row.locator("td.differs").inner_text()
    row.locator("a").click()
    page.wait_for_selector("[data-chart][data-drawn]")
    assert page.locator("form[action$='/take/']").count() == 0
    return days


def taken_over(browser: Any, address: str, days: int) -> None:
    context = browser.new_context(locale="ru-RU", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    log_in(page, address, "administrator")
    service = Service.objects.get(external_id=CARDIOLOGIST)
    assert service.recall_days and service.recall_days != days
    page.goto(f"{address}{reverse('cycle', args=[service.pk])}")
    page.locator("form[action$='/take/'] button").click()
    page.locator(".alert", has_text=wording.days(days)).wait_for()
    context.close()
    service.refresh_from_db()
    assert service.recall_days == days


def due_dates_follow(before: dict[int, dt.date], days: int) -> None:
    """Nobody has been to the cardiologist meanwhile: everybody is due by the interval that was taken."""
    rhythms = ServiceRhythm.objects.filter(service__external_id=CARDIOLOGIST)
    after = {rhythm.patient_id: rhythm for rhythm in rhythms if before.get(rhythm.patient_id) == rhythm.last_on}
    assert len(after) > 50
    for rhythm in after.values():
        assert rhythm.due_on == rhythm.last_on + dt.timedelta(days=days)


def made_from_nothing(page: Any, address: str) -> str:
    """Those who come now, by age, bill and services; found by the worker while the page waits. Returns its address."""
    page.goto(f"{address}{reverse('clusters')}")
    page.locator(f"main a[href='{reverse('clusters_new')}']").first.click()
    page.select_option("#id_base", "lifecycle:active")
    page.uncheck("input[name=features][value=visits_365]")
    page.select_option("#id_method", "kmeans")
    page.fill("#id_name", "Кто ходит сейчас")
    page.locator(".look-form button.btn-primary").click()
    page.wait_for_selector("#clusters-progress")
    page.wait_for_selector("#cards", timeout=60_000)
    fit = ClusterFit.objects.get()
    assert (fit.state, fit.outcome) == ("done", "found") and fit.stability is not None and fit.stability >= 0.7
    assert wording.number(fit.stability, 2) in page.inner_text("main")
    page.wait_for_selector("[data-chart][data-drawn]")
    are_what_they_come_for()
    return str(page.url)


def are_what_they_come_for() -> None:
    """The clusters against the rows: the patients of each spend most on the same group of services."""
    spent: dict[int, Counter[str]] = defaultdict(Counter)
    items = VisitItem.objects.filter(visit__status="completed", visit__deleted_at=None)
    for patient, group, price, times in items.values_list(
        "visit__patient_id", "service__group__name", "price", "quantity"
    ):
        spent[patient][group] += price * times
    members = Membership.objects.filter(segment__segmentation__kind="clusters", left_on=None)
    clusters: dict[str, Counter[str]] = defaultdict(Counter)
    for code, patient in members.values_list("segment__code", "patient_id"):
        clusters[code][spent[patient].most_common(1)[0][0]] += 1
    tops = {code: groups.most_common(1)[0] for code, groups in clusters.items()}
    assert len({group for group, _count in tops.values()}) >= 3
    assert sum(count for _group, count in tops.values()) > 0.85 * members.count()


def described(page: Any, address: str) -> dict[str, tuple[str, str]]:
    """Every cluster takes the name made of its features; the first gets its persona."""
    for code in shown(page, address):
        persona = page.locator(f"#persona-{code}")
        persona.locator("summary").click()
        persona.locator("button.take-name").click()
        for name, text in PERSONA.items() if code == "c1" else ():
            persona.locator(f"textarea[name={name}]").fill(text)
        persona.locator("button[type=submit]").click()
        page.wait_for_selector(f"#persona-{code} .saved")
    found = shown(page, address)
    assert len(found) == ClusterFit.objects.get().k and not any("Кластер" in name for name, _colour in found.values())
    return found


def shown(page: Any, address: str) -> dict[str, tuple[str, str]]:
    """Code -> name and colour, as the page shows them."""
    page.goto(address)
    page.wait_for_selector("#cards")
    return {
        card.get_attribute("id").removeprefix("cluster-"): (
            card.locator("h2").inner_text().strip(), card.get_attribute("style"),
        )
        for card in page.locator(".cluster-card").all()
    }  # fmt: skip


def a_night_passes(page: Any, address: str) -> None:
    page.goto(f"{address}{reverse('home')}")
    page.locator("#night form button").click()
    tonight = NightlyRun.objects.filter(as_of=timezone.localdate(), state="done")
    eventually(tonight.exists, timeout=60, message=lambda: str(NightlyRun.objects.values("as_of", "state", "error")))


def the_profile_is_the_card(page: Any, address: str, mis: Mis) -> None:
    """The LTV block of somebody who is likely to come, as a MIS reads it and as the card shows it."""
    forecast = Forecast.objects.filter(p_alive__gt=0.5, next_visit_on__isnull=False).order_by("-money_12m")[0]
    patient = Patient.objects.get(pk=forecast.patient_id)
    status, profile = mis.call("GET", f"patients/{patient.external_id}/profile")
    ltv = profile["ltv"]
    assert status == 200 and float(ltv["predicted_3m"]) < float(ltv["predicted_12m"]) < float(ltv["predicted_36m"])
    page.goto(f"{address}{reverse('patient', args=[patient.pk])}")
    card = page.inner_text("main")
    for name in ("historic", "formula", "predicted_3m", "predicted_12m", "predicted_36m"):
        assert wording.money(float(ltv[name])) in card, name
    assert wording.share(ltv["p_alive"]) in card and wording.number(ltv["expected_visits_12m"], 1) in card
    assert wording.day(dt.date.fromisoformat(ltv["next_visit_on"])) in card

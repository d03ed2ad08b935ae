"""Pages of LTV, calibration, channels and prices: who is refused, what is said with and without a forecast."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from patients import demo
from patients.models import AcquisitionChannel, ChannelSpend
from segmentation.models import Calibration, Forecast, LtvFit
from segmentation.reports.ltv import channels as by_channel
from segmentation.selectors.acquisition import acquisition_of
from segmentation.selectors.worth import worth
from segmentation.views.months import chosen_months
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import night
from tests.segmentation.pages import AS_OF, VIEW, Base, reader

pytestmark = pytest.mark.django_db

PAGES = ["/segments/ltv/", "/segments/ltv/calibration/", "/segments/ltv/channels/", "/segments/ltv/prices/"]
COUNTED = [PAGES[0], *PAGES[2:]]
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def base() -> Base:
    return Base()


def body(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_who_is_refused(url: str) -> None:
    assert Client().get(url)["Location"].startswith("/login/?next=")
    assert reader("patients.view_patient").get(url).status_code == 403
    assert reader(VIEW[0]).post(url).status_code == 405


@pytest.mark.parametrize("url", PAGES)
def test_before_the_first_night_the_pages_say_what_to_do(url: str) -> None:
    assert "empty-state" in body(reader(VIEW[0]), url)


@pytest.mark.parametrize("url", COUNTED)
def test_a_night_without_visits_is_no_error(base: Base, url: str) -> None:
    base.night(AS_OF)
    assert "empty-state" in body(reader(VIEW[0]), url, part="figures")


def test_the_page_comes_at_once_and_asks_for_its_figures(base: Base) -> None:
    base.night(AS_OF, patients=1)
    base.patient(metrics={"visit_days": 1, "visits": 1, "money": 500, "first_visit_on": AS_OF})
    client = reader(VIEW[0])
    with CaptureQueriesContext(connection) as first:
        assert 'hx-trigger="load"' in body(client, "/segments/ltv/")
    assert not any("grouping" in query["sql"] for query in first.captured_queries)
    assert "500" in body(client, "/segments/ltv/", part="figures")
    with CaptureQueriesContext(connection) as later:
        assert "hx-trigger" not in body(client, "/segments/ltv/")
    assert not any("grouping" in query["sql"] for query in later.captured_queries)


def test_while_somebody_counts_the_others_ask_again(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    base.night(AS_OF, patients=1)
    monkeypatch.setattr("django.core.cache.cache.add", lambda *_args, **_how: False)
    assert 'hx-trigger="load delay:2s"' in body(reader(VIEW[0]), "/segments/ltv/", part="figures")


def test_without_a_forecast_the_formula_and_the_reason_are_shown(base: Base) -> None:
    base.night(AS_OF, patients=1)
    base.patient(ltv=700, metrics={"visit_days": 1, "visits": 1, "money": 500, "first_visit_on": AS_OF})
    client = reader(VIEW[0])
    assert "the next night does it" in body(client, "/segments/ltv/", wait="1")
    LtvFit.objects.create(as_of=AS_OF, visits_method="formula", visits_reason="too_short", money_method="formula")
    page = body(client, "/segments/ltv/", wait="1")
    assert "the visits cover too short a time" in page and "not computed" in page
    assert "worth 700" in page


def test_the_forecast_of_the_base_is_summed(base: Base) -> None:
    base.night(AS_OF, patients=3)
    for expected, first in ((1_000, AS_OF - 364 * DAY), (3_000, AS_OF - 365 * DAY)):
        patient = base.patient(
            ltv=10,
            metrics={"visit_days": 2, "visits": 2, "money": 500, "money_365": 200, "first_visit_on": first},
        )  # fmt: skip
        Forecast.objects.create(
            patient=patient, as_of=AS_OF, p_alive=0.5, visits_3m=1, visits_12m=4, visits_36m=9, bill=250,
            money_3m=250, money_12m=expected, money_36m=3 * expected, next_visit_on=AS_OF + DAY, next_visit_by="due",
        )  # fmt: skip
    once = base.patient(ltv=10, metrics={"visit_days": 1, "visits": 1, "money": 500})
    Forecast.objects.create(
        patient=once, as_of=AS_OF, p_alive=None, visits_3m=0, visits_12m=0, visits_36m=0, money_12m=0, bill=250
    )
    whole = worth(AS_OF).all
    assert whole is not None and (whole.patients, whole.alive, whole.came_again) == (3, 1.0, 2)
    page = body(reader(VIEW[0]), "/segments/ltv/", wait="1")
    said = page.replace("\u202f", "").replace("\xa0", " ")
    assert "expected to pay 4000 ₽" in said and "of 2 patients" in said
    assert "400 ₽ was paid, 200 ₽ by those who had come before and 200 ₽ by newcomers" in said
    assert 'href="/patients/' not in page.split('id="figures"')[1]  # names only for those who may see patients


def checked(channel: int | None, visits: int, money: float) -> dict[str, Any]:
    """A channel of whom 100 visits and 1 800 ₽ were expected; chance allows 8 visits and 300 ₽ to both sides."""
    return {
        "channel": channel, "patients": 40, "expected_visits": 100.0, "actual_visits": visits, "low": visits - 8.0,
        "high": visits + 8.0, "expected_money": 1_800.0, "actual_money": money, "money_low": money - 300,
        "money_high": money + 300,
    }  # fmt: skip


def test_calibration_says_whether_to_believe(base: Base) -> None:
    base.night(AS_OF)
    tenth = {"patients": 10, "expected_money": 900.0, "actual_money": 1_000.0}
    figures = {
        "deciles": [
            {"decile": 1, **tenth, "expected_visits": 4.0, "actual_visits": 5, "low": 2.0, "high": 8.0},
            {"decile": 2, **tenth, "expected_visits": 96.0, "actual_visits": 99, "low": 97.0, "high": 101.0},
        ],
        "by_visits": [{"visits_before": "0", "patients": 20, "expected": 100.0, "actual": 104}],
        "by_week": [{"week": 1, "expected": 100.0, "actual": 104}],
        "by_channel": [checked(None, 104, 2_000.0)],
    }
    made = Calibration.objects.create(
        as_of=AS_OF, split_on=AS_OF - 182 * DAY, method="ml", customers=20, expected_visits=100, actual_visits=104,
        expected_money=Decimal(1_800), actual_money=Decimal(2_000), correlation=0.6, figures=figures,
    )  # fmt: skip
    client = reader(VIEW[0])
    page = body(client, PAGES[1])
    assert "The forecast is right in order, not in sum" in page and "money +11.1\xa0%" in page
    assert "in 1 of 2 tenths" in page and "The check covers 6 months" in page and "within chance" in page
    Calibration.objects.filter(pk=made.pk).update(actual_money=1_900)
    page = body(client, PAGES[1])
    assert "The forecast holds in sum, within ±10\xa0%" in page and "(visits +4.0\xa0%, money +5.6\xa0%)" in page
    csv = b"".join(client.get(PAGES[1], {"download": "deciles_visits", "format": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert csv.splitlines()[1].startswith(("1,10,96", "1;10;96"))  # those of whom most was expected first
    Calibration.objects.filter(pk=made.pk).update(actual_visits=160)
    assert "Do not believe the sums" in body(client, PAGES[1])
    Calibration.objects.filter(pk=made.pk).update(method="formula", reason="too_few", expected_visits=None)
    assert "too few patients have come" in body(client, PAGES[1])
    assert client.get(PAGES[1], {"download": "nothing", "format": "csv"}).status_code == 404


def test_a_channel_by_hand(base: Base) -> None:
    """Two patients for 3 000 ₽ who paid 10 000 with a margin of 6 000; one had half a year and came once."""
    base.night(AS_OF, patients=2)
    clinic, channel = Clinic(), AcquisitionChannel.objects.create(name="Maps")
    early, late = dt.date(2026, 3, 10), dt.date(2026, 10, 5)
    for day, money in ((early, 4_000), (late, 6_000)):
        patient = base.patient(
            channel=channel,
            metrics={"visit_days": 1, "visits": 1, "first_visit_on": day, "money": money, "margin": money * 6 // 10},
        )  # fmt: skip
        clinic.payment(patient, day, money)
    ChannelSpend.objects.create(channel=channel, month=dt.date(2026, 3, 1), amount=3_000)
    ChannelSpend.objects.create(channel=channel, month=dt.date(2025, 3, 1), amount=99_000)  # outside of the period
    found = acquisition_of(dt.date(2026, 3, 1), dt.date(2026, 10, 31), AS_OF, "margin")
    (one,) = found.channels
    assert (one.patients, one.spend, one.watched, one.once) == (2, 3_000.0, 1, 1)
    assert one.judged.cost is not None and one.judged.cost.value == 1_500
    assert one.judged.returned is not None and one.judged.returned.value == pytest.approx(2.0)
    assert found.margin_share == pytest.approx(0.6)
    assert one.curve[0] == pytest.approx(3_000.0) and len(one.curve) == 8 and one.payback == 1
    income = acquisition_of(dt.date(2026, 3, 1), dt.date(2026, 10, 31), AS_OF, "income").channels[0]
    assert income.judged.worth is not None and income.judged.worth.value == 5_000
    page = body(reader(VIEW[0]), PAGES[2], wait="1", **{"from": "2026-03", "to": "2026-10"})
    assert "No spend" not in page and "Too few patients to tell" in page


@pytest.mark.parametrize(
    ("visits", "money", "factor", "said"),
    [
        (70, 900.0, 0.5, "too high for this channel"),  # by money
        (130, 1_900.0, 1.3, "too low for this channel"),  # money is within chance, visits are not
        (70, 1_700.0, 0.7, "multiplied by 0.7"),
        (95, 1_600.0, None, ""),
    ],
)
def test_a_channel_the_forecast_missed_counts_with_its_own_ratio(
    base: Base, visits: int, money: float, factor: float | None, said: str
) -> None:
    base.night(AS_OF, patients=1)
    channel = AcquisitionChannel.objects.create(name="Maps")
    patient = base.patient(
        channel=channel,
        metrics={"visit_days": 1, "visits": 1, "first_visit_on": AS_OF - 40 * DAY, "money": 500, "margin": 500},
    )  # fmt: skip
    Forecast.objects.create(patient=patient, as_of=AS_OF, visits_3m=1, visits_12m=2, visits_36m=3, money_36m=1_000)
    figures = {"by_channel": [checked(channel.pk, visits, money)]}
    Calibration.objects.create(as_of=AS_OF, split_on=AS_OF - 182 * DAY, method="ml", figures=figures)
    with translation.override("en"):
        (line,) = by_channel.lines(acquisition_of(AS_OF - 90 * DAY, AS_OF, AS_OF, "margin"))
        told = line.missed
    assert line.figures.scaled_by == factor and said in told and bool(told) == bool(said)
    assert line.figures.judged.worth is not None
    assert line.figures.judged.worth.value == pytest.approx(500 + 1_000 * (factor or 1))


def test_months_of_the_address_are_put_in_order() -> None:
    period = chosen_months({"from": "2026-10", "to": "2026-03"}, AS_OF)
    assert (period.since, period.until) == (dt.date(2026, 3, 1), dt.date(2026, 10, 31))
    last_two_years = chosen_months({"from": "nonsense", "to": "2999-01"}, AS_OF)
    assert (last_two_years.since, last_two_years.until) == (dt.date(2024, 11, 1), dt.date(2026, 10, 31))


def test_the_demo_clinic_tells_its_stories() -> None:
    """One-off patients of the coupon channel; every page and file with a forecast, in both languages."""
    demo.seed(patients=2_600, years=3, seed=7, as_of=AS_OF)
    night(AS_OF)
    owner = reader(*VIEW, "segmentation.change_segment")
    page = body(owner, PAGES[2], wait="1", **{"from": "2023-12"})
    assert "«Купонный сервис» brings one-off patients" in page
    with translation.override("en"):
        found = acquisition_of(dt.date(2023, 12, 1), dt.date(2026, 10, 31), AS_OF, "margin")
        lines = by_channel.lines(found)
    assert [line.name for line in lines if line.figures.judged.verdict == "one_offs"] == ["Купонный сервис"]
    said = lines[0].verdict
    assert lines[0].name == "Купонный сервис" and said.startswith("Brings one-off patients")
    assert "A rouble comes back" in said and said.endswith("Do not expand the channel, limit it.")
    whole = body(owner, PAGES[0], wait="1")
    assert "expected to pay" in whole
    assert "Expected on the day of the fall" in whole and "Forecast for 12 months, now" in whole
    prices = body(owner, PAGES[3], wait="1")
    assert "/segments/own/new/?where=" in prices
    for url, key in (
        (PAGES[0], "by_tier"),
        (PAGES[1], "by_channel"),
        (PAGES[2], "channels"),
        (PAGES[3], "wanted"),
        (PAGES[3], "bills"),
    ):
        _is_a_table(owner, url, key)
    owner.cookies["django_language"] = "ru"
    for url in PAGES:
        assert 'lang="ru"' in body(owner, url)
    patient = Forecast.objects.order_by("-money_12m").first()
    assert patient is not None
    card = body(owner, f"/patients/{patient.patient_id}/")
    assert "worth-figures" in card
    once = Forecast.objects.filter(p_alive=None).earliest("patient_id")
    assert "<b>—</b><small>" in body(owner, f"/patients/{once.patient_id}/")


def _is_a_table(client: Client, url: str, key: str) -> None:
    answer: Any = client.get(url, {"download": key, "format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet is not None and sheet.max_row > 1

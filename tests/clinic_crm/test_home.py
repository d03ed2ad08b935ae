"""The first page: the headline, the tiles, the freshness of the figures, the button of the night."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from clinic_crm import nightly
from clinic_crm.views.night import night_state
from patients.models import Integration, Patient, Visit
from segmentation.models import BaseTotal, NightlyRun, NightlyStep
from segmentation.reports import headlines
from tests.segmentation.pages import AS_OF, MONTH_AGO, VIEW, Base, reader

pytestmark = pytest.mark.django_db
NBSP = "\N{NO-BREAK SPACE}"
State = NightlyRun.State


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.mark.parametrize(
    ("lost", "visited", "sentence"),
    [
        (34, 100, "34_% of the patients with a visit are lost, 4 points above the 30_% norm."),
        (29, 100, "29_% of the patients with a visit are lost, 1 point below the 30_% norm."),
        (30, 100, "30_% of the patients with a visit are lost, exactly the 30_% norm."),
        (0, 0, "No patient of the base has a completed visit yet."),
    ],
)
def test_headline_holds_the_lost_against_the_norm(lost: int, visited: int, sentence: str) -> None:
    from django.utils import translation

    with translation.override("en"):
        assert headlines.of_base(BaseTotal(lost=lost, visited=visited)) == sentence.replace("_", NBSP)


def test_a_base_younger_than_a_year_is_not_praised_for_having_lost_nobody(base: Base) -> None:
    base.night(AS_OF, visited=100, lost=0, visits_365=100)
    source = Integration.objects.create(code="young")
    patient = Patient.objects.create(source=source, external_id="p")
    Visit.objects.create(
        source=source, external_id="v", patient=patient, status="completed",
        starts_on=AS_OF - dt.timedelta(days=41), starts_at=timezone.now(),
    )  # fmt: skip
    answer = reader(*VIEW).get("/")
    assert answer.context["headline"] == "The visits cover 42 days: too few to say who is lost."
    assert {tile["term"]: tile for tile in answer.context["tiles"]}["lost"]["notice"] == "less than a year of visits"
    assert "No payment of the last 365 days is known" in answer.content.decode()


def _tiles(client: Client) -> dict[str, dict[str, Any]]:
    return {tile["term"]: tile for tile in client.get("/").context["tiles"]}


def test_tiles_compare_with_a_month_ago_and_say_since_when(base: Base) -> None:
    base.night(MONTH_AGO, patients=100, visited=100, lost=30, ltv=Decimal(1000), nps=10, nps_answers=50)
    base.night(AS_OF, patients=120, visited=100, lost=34, ltv=Decimal(1100), nps=15.5, nps_answers=40, reachable=60)
    tiles = _tiles(reader(*VIEW))
    assert (tiles["base"]["change"], tiles["base"]["tone"]) == ("+20", "good")
    assert (tiles["lost"]["change"], tiles["lost"]["tone"]) == (f"+4.0{NBSP}pp", "bad")
    assert (tiles["ltv"]["change"], tiles["ltv"]["tone"]) == (f"+10.0{NBSP}%", "good")
    assert tiles["nps"]["change"] == "+5.5"
    assert tiles["reach"]["value"] == f"50{NBSP}%"
    assert tiles["base"]["since"] == "since 2026-10-22"


def test_nps_of_few_answers_says_so_and_is_not_compared(base: Base) -> None:
    base.night(MONTH_AGO, patients=1, nps=10, nps_answers=50)
    base.night(AS_OF, patients=1, nps=80, nps_answers=5)
    tile = _tiles(reader(*VIEW))["nps"]
    assert (tile["notice"], tile["change"], tile["of"]) == ("few answers: treat with care", "", "by 5 answers")


def test_biggest_moves_stand_by_money_and_by_direction(base: Base) -> None:
    base.night(AS_OF, patients=1)
    base.move("rfm", "champions", "at_risk", AS_OF, 500, {"r": [5, 1]})
    base.move("value", "vip", "stable", AS_OF, 900, {"reasons": []})
    base.move("lifecycle", "lost", "active", AS_OF, 300, {"reasons": []})
    base.move("lifecycle", "lead", "new", AS_OF, 9999, {"reasons": []})
    base.move("rfm", "champions", "at_risk", AS_OF - dt.timedelta(days=31), 10**6, {"r": [5, 1]})
    context = reader(*VIEW).get("/").context
    assert [(flow.source.code, flow.money) for flow in context["worse"]] == [("vip", 900), ("champions", 500)]
    assert [flow.target.code for flow in context["better"]] == ["active"]


def _now(hours_after_the_day: float) -> dt.datetime:
    end = timezone.make_aware(dt.datetime.combine(AS_OF + dt.timedelta(days=1), dt.time.min))
    return end + dt.timedelta(hours=hours_after_the_day)


@pytest.mark.parametrize(("hours", "late"), [(3, False), (35.9, False), (36.1, True)])
def test_figures_older_than_36_hours_are_complained_of(base: Base, hours: float, late: bool) -> None:
    base.night(AS_OF)
    assert night_state(_now(hours)).late is late


def test_failed_night_is_shown_until_a_later_one_is_finished(base: Base) -> None:
    NightlyRun.objects.create(as_of=AS_OF, state=State.FAILED, error="totals: a secret")
    base.night(MONTH_AGO, patients=1)
    page = reader(*VIEW).get("/").content.decode()
    assert "failed" in page
    assert "secret" not in page
    base.night(AS_OF + dt.timedelta(days=1), patients=1)
    assert night_state(timezone.now()).failed is None


def test_running_night_shows_its_steps_and_the_panel_reloads_the_page_when_it_is_done(base: Base) -> None:
    base.night(MONTH_AGO, patients=1)
    run = NightlyRun.objects.create(as_of=AS_OF, state=State.RUNNING)
    NightlyStep.objects.create(run=run, name=nightly.STEPS[0].name, done=True)
    client = reader(*VIEW, "segmentation.run_night")
    panel = client.get("/night/status/", headers={"HX-Request": "true"})
    assert f"1 of {len(nightly.STEPS)} steps" in panel.content.decode()
    assert "hx-get" in panel.content.decode()
    assert "HX-Refresh" not in panel.headers
    assert "Run the night now" not in client.get("/").content.decode()
    run.state = State.DONE
    run.save()
    assert client.get("/night/status/").headers["HX-Refresh"] == "true"


def test_night_is_started_by_post_and_by_those_who_may(base: Base) -> None:
    assert reader(*VIEW).post("/night/run/").status_code == 403
    client = reader(*VIEW, "segmentation.run_night")
    assert client.get("/night/run/").status_code == 405
    assert not NightlyRun.objects.exists()
    assert client.post("/night/run/").status_code == 302
    assert client.post("/night/run/").status_code == 302
    assert NightlyRun.objects.get().state == State.WAITING


def test_empty_database_shows_the_first_steps(db: None) -> None:
    from patients.models import Integration

    Integration.objects.all().delete()
    steps = reader(*VIEW).get("/").context["steps"]
    assert [(step["code"], step["done"]) for step in steps] == [
        ("integration", False), ("visits", False), ("night", False)
    ]  # fmt: skip
    Base()
    assert reader(*VIEW).get("/").context["steps"][0]["done"] is True

"""Reading segments back over REST: who may, what is told, pages, periods."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from patients.models import Integration, Patient, Service
from patients.services.tokens import issue_token
from segmentation.models import (
    Forecast,
    Membership,
    Metrics,
    NightlyRun,
    Score,
    Segment,
    Segmentation,
    SegmentTotal,
    ServiceRhythm,
)

pytestmark = pytest.mark.django_db

NIGHT = dt.date(2026, 3, 1)
URLS = [
    "/api/v1/patients/p1/profile",
    "/api/v1/segmentations/",
    "/api/v1/segmentations/tiers/segments/vip/patients/",
    "/api/v1/segmentations/tiers/flows/",
]


class Api:
    """A client with the token of one integration."""

    def __init__(self, code: str, *scopes: str) -> None:
        self.source = Integration.objects.create(code=code, scopes=list(scopes))
        self.token = issue_token(self.source)

    def get(self, url: str, status: int = 200) -> Any:
        answer = Client().get(url, headers={"Authorization": f"Token {self.token}"})
        assert answer.status_code == status, answer.content
        if status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.json()


@pytest.fixture
def api() -> Api:
    return Api("mis", "read")


@pytest.fixture
def tiers() -> dict[str, Segment]:
    segmentation = Segmentation.objects.create(code="tiers", kind="value", name="Ценность", name_en="Value")
    return {
        code: Segment.objects.create(segmentation=segmentation, code=code, name=code, position=n)
        for n, code in enumerate(("vip", "stable", "one_off"))
    }


def patient(source: Integration, external_id: str, **fields: Any) -> Patient:
    return Patient.objects.create(source=source, external_id=external_id, **fields)


def member(who: Patient, segment: Segment, **fields: Any) -> Membership:
    entered = fields.pop("entered_on", NIGHT)
    return Membership.objects.create(
        patient=who, segment=segment, segmentation=segment.segmentation, entered_on=entered, **fields
    )


@pytest.mark.parametrize("url", URLS)
def test_reading_needs_a_token_with_the_scope(url: str) -> None:
    assert Client().get(url).status_code == 401
    Api("writer", "ingest").get(url, 403)


def test_profile_tells_scores_metrics_value_segments_and_tags(api: Api) -> None:
    who = patient(api.source, "p1")
    service = Service.objects.create(source=api.source, external_id="botox", name="Ботокс", recall_days=150)
    NightlyRun.objects.create(as_of=NIGHT, state="done")
    NightlyRun.objects.create(as_of=NIGHT + dt.timedelta(days=1), state="failed")
    Metrics.objects.create(
        patient=who, as_of=NIGHT, visits=4, money=84500, last_visit_on=dt.date(2026, 2, 14), main_service=service,
        last_nps=4, next_visit_on=dt.date(2026, 3, 9),
    )  # fmt: skip
    Score.objects.create(patient=who, r=5, f=4, m=3, ltv="91200.50")
    Forecast.objects.create(
        patient=who, as_of=NIGHT, p_alive=0.94, visits_3m=0.8, visits_12m=3.1, visits_36m=8.2, bill="8516.13",
        money_3m="6812.9", money_12m="26400", money_36m="69832.27", next_visit_on=dt.date(2026, 3, 9),
        next_visit_by="appointment",
    )  # fmt: skip
    ServiceRhythm.objects.create(
        patient=who, service=service, visits=3, first_on=dt.date(2025, 1, 1), last_on=dt.date(2026, 2, 14),
        due_on=dt.date(2026, 8, 13),
    )  # fmt: skip
    for code, part in (("value", "vip"), ("lifecycle", "due")):
        segmentation = Segmentation.objects.get_or_create(code=code, defaults={"kind": code, "name": code})[0]
        segment = Segment.objects.get_or_create(segmentation=segmentation, code=part, defaults={"name": part})[0]
        member(who, segment)
    told = api.get("/api/v1/patients/p1/profile")
    assert told["as_of"] == "2026-03-01"
    assert told["rfm"] == {"r": 5, "f": 4, "m": 3}
    assert told["ltv"] == {
        "historic": 84500.0, "formula": 91200.5, "predicted_3m": 6812.9, "predicted_12m": 26400.0,
        "predicted_36m": 69832.27, "p_alive": 0.94, "expected_visits_12m": 3.1, "next_visit_on": "2026-03-09",
    }  # fmt: skip
    assert told["segments"] == {"value": "vip", "lifecycle": "due"}
    assert told["tags"] == ["vip", "due", "chronic", "unhappy", "has_appointment"]
    assert told["metrics"]["visits"] == 4
    assert told["metrics"]["main_service"] == "botox"
    assert told["metrics"]["last_visit_on"] == "2026-02-14"
    assert told["metrics"]["first_doctor"] is None
    Forecast.objects.update(p_alive=None)  # who came on one day
    told = api.get("/api/v1/patients/p1/profile")
    assert (told["ltv"]["p_alive"], told["ltv"]["expected_visits_12m"]) == (None, 3.1)


def test_patient_who_has_met_no_night_yet_has_an_empty_profile(api: Api) -> None:
    patient(api.source, "p1")
    assert api.get("/api/v1/patients/p1/profile") == {
        "as_of": None,
        "rfm": {"r": None, "f": None, "m": None},
        "metrics": {},
        "ltv": {
            "historic": 0.0,
            "formula": None,
            "predicted_3m": None,
            "predicted_12m": None,
            "predicted_36m": None,
            "p_alive": None,
            "expected_visits_12m": None,
            "next_visit_on": None,
        },
        "segments": {},
        "tags": [],
    }


def test_merged_card_answers_with_the_one_that_is_kept(api: Api, tiers: dict[str, Segment]) -> None:
    kept = patient(Integration.objects.create(code="site"), "s9")
    middle = patient(api.source, "p2", merged_into=kept)
    patient(api.source, "p1", merged_into=middle)
    member(kept, tiers["stable"])
    assert api.get("/api/v1/patients/p1/profile")["segments"] == {"tiers": "stable"}


def test_deleted_foreign_and_unknown_patients_are_not_found(api: Api) -> None:
    patient(api.source, "gone", deleted_at=timezone.now())
    patient(api.source, "into-gone", merged_into=Patient.objects.get())
    patient(Integration.objects.create(code="site"), "theirs")
    for external_id in ("gone", "into-gone", "theirs", "nobody"):
        assert api.get(f"/api/v1/patients/{external_id}/profile", 404)["status"] == 404


def test_profile_makes_a_fixed_number_of_queries(
    api: Api, tiers: dict[str, Segment], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from segmentation.selectors.profile import described, profile

    who = patient(api.source, "p1")
    Metrics.objects.create(patient=who, as_of=NIGHT)
    member(who, tiers["vip"])
    with django_assert_num_queries(5):
        known = profile(api.source, "p1")
        assert known is not None
        described(known)


def test_segmentations_are_listed_with_sizes_of_the_last_night(api: Api, tiers: dict[str, Segment]) -> None:
    Segmentation.objects.create(code="off", kind="rule", name="off", active=False)
    NightlyRun.objects.create(as_of=NIGHT, state="done")
    SegmentTotal.objects.create(segment=tiers["vip"], as_of=NIGHT, patients=12)
    SegmentTotal.objects.create(segment=tiers["vip"], as_of=NIGHT - dt.timedelta(days=1), patients=99)
    told = api.get("/api/v1/segmentations/")
    assert told["as_of"] == "2026-03-01"
    by_code = {one["code"]: one for one in told["segmentations"]}
    assert "off" not in by_code
    assert [(part["code"], part["patients"]) for part in by_code["tiers"]["segments"]] == [
        ("vip", 12), ("stable", 0), ("one_off", 0),
    ]  # fmt: skip


def test_members_come_in_pages_with_source_and_id(api: Api, tiers: dict[str, Segment]) -> None:
    site = Integration.objects.create(code="site")
    for n in range(5):
        member(patient(site if n % 2 else api.source, f"p{n}"), tiers["vip"], came_from=tiers["stable"])
    member(patient(api.source, "left"), tiers["vip"], left_on=NIGHT + dt.timedelta(days=1))
    member(patient(api.source, "gone", deleted_at=timezone.now()), tiers["vip"])
    member(patient(api.source, "merged", merged_into=Patient.objects.get(external_id="p0")), tiers["vip"])
    url, seen = f"{URLS[2]}?limit=2", []
    pages = 0
    while url:
        page = api.get(url)
        seen += [(one["source"], one["external_id"]) for one in page["results"]]
        url, pages = page["next"], pages + 1
    assert seen == [("mis", "p0"), ("site", "p1"), ("mis", "p2"), ("site", "p3"), ("mis", "p4")]
    assert pages == 3
    assert page["results"][0] == {
        "source": "mis", "external_id": "p4", "entered_on": "2026-03-01", "came_from": "stable",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "cursor=-1", "cursor=9223372036854775808", "limit=%00"]
)
def test_wrong_page_names_its_parameter(api: Api, tiers: dict[str, Segment], query: str) -> None:
    assert list(api.get(f"{URLS[2]}?{query}", 400)["errors"]) == [query.split("=")[0]]


def test_flows_count_moves_and_money_of_a_period(api: Api, tiers: dict[str, Segment]) -> None:
    def move(n: int, day: int, source: str, target: str, money: int | None) -> None:
        member(
            patient(api.source, f"m{n}"), tiers[target],
            came_from=tiers[source], money=money, entered_on=dt.date(2026, 2, day),
        )  # fmt: skip

    move(1, 10, "stable", "one_off", 1000)
    move(2, 11, "stable", "one_off", 500)
    move(3, 11, "stable", "vip", None)
    move(4, 9, "stable", "vip", 7)
    move(5, 12, "stable", "vip", 7)
    member(patient(api.source, "first"), tiers["vip"], entered_on=dt.date(2026, 2, 11))
    told = api.get(f"{URLS[3]}?from=2026-02-09&to=2026-02-11")
    assert told == {
        "from": "2026-02-09",
        "to": "2026-02-11",
        "flows": [
            {"from_segment": "stable", "to_segment": "one_off", "patients": 2, "money": 1500.0},
            {"from_segment": "stable", "to_segment": "vip", "patients": 1, "money": 0.0},
        ],
    }


def test_flows_without_a_period_end_with_the_last_night(api: Api, tiers: dict[str, Segment]) -> None:
    NightlyRun.objects.create(as_of=NIGHT, state="done")
    told = api.get(URLS[3])
    assert (told["from"], told["to"]) == ("2026-01-30", "2026-03-01")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("from=01.02.2026", "from"),
        ("to=2026-02-30", "to"),
        ("to=", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("to=0001-01-05", "to"),
    ],
)
def test_wrong_period_names_its_parameter(api: Api, tiers: dict[str, Segment], query: str, name: str) -> None:
    assert list(api.get(f"{URLS[3]}?{query}", 400)["errors"]) == [name]


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/segmentations/none/flows/",
        "/api/v1/segmentations/none/segments/vip/patients/",
        "/api/v1/segmentations/tiers/segments/none/patients/",
        "/api/v1/segmentations/tiers/segments/%D1%8F/patients/",
    ],
)
def test_unknown_codes_are_not_found(api: Api, tiers: dict[str, Segment], url: str) -> None:
    answer = Client().get(url, headers={"Authorization": f"Token {api.token}"})
    assert answer.status_code == 404

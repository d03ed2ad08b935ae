"""The whole way: a MIS posts a visit, a real worker lives through the night, and the patient has moved.

The facts go over HTTP, the night through a real broker to a real worker process; nothing here calls a service.
"""

import datetime as dt
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic_crm.local import state
from segmentation.models import NightlyRun
from tests.conftest import eventually
from tests.scenarios.mis import Mis

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]


def a_visit(number: int, patient: str, day: dt.date, status: str = "completed") -> dict[str, Any]:
    return {
        "external_id": f"V{number}",
        "patient": patient,
        "branch": "msk",
        "doctor": "D1",
        "starts_at": f"{day.isoformat()}T10:00:00+03:00",
        "status": status,
        "items": [{"service": "hygiene", "quantity": 1, "price": "6000.00", "discount": "0", "cost": "2000.00"}],
    }


@pytest.fixture
def mis(live_server: Any, capsys: pytest.CaptureFixture[str]) -> Mis:
    call_command("create_integration", "mis", scopes="ingest,read", implied_payments=True)
    return Mis(live_server.url, capsys.readouterr().out.strip())


@pytest.fixture
def clinic(mis: Mis) -> dict[str, Any]:
    """Forty patients on a half-yearly cycle. P0 came three times and then stayed away for two years."""
    today = timezone.localdate()
    mis.post("branches", [{"external_id": "msk", "name": "Клиника на Арбате", "city": "Москва"}])
    mis.post("doctors", [{"external_id": "D1", "name": "Орлова Анна Сергеевна", "branch": "msk"}])
    mis.post(
        "services",
        [{"external_id": "hygiene", "name": "Гигиена полости рта", "group": "Стоматология", "recall_days": 180}],
    )
    answer = mis.post(
        "patients",
        [
            {"external_id": f"P{n}", "last_name": f"Пациентов{n}", "first_name": "Пётр", "branch": "msk"}
            for n in range(40)
        ],
    )
    assert answer["created"] == 40
    visits = [a_visit(n, "P0", today - dt.timedelta(days=720 + 180 * n)) for n in range(3)]
    for patient in range(1, 40):
        for past in range(1 + patient % 4):
            visits.append(a_visit(len(visits), f"P{patient}", today - dt.timedelta(days=10 + patient * 3 + past * 170)))
    answer = mis.post("visits", visits)
    assert (answer["created"], answer["rejected"]) == (len(visits), [])
    return {"visits": len(visits)}


def yesterday_night(process_environment: dict[str, str]) -> None:
    yesterday = timezone.localdate() - dt.timedelta(days=1)
    subprocess.run(
        [sys.executable, "manage.py", "nightly", "--as-of", yesterday.isoformat()],
        cwd=state.BASE_DIR, env=process_environment, check=True, capture_output=True, timeout=120,
    )  # fmt: skip


def test_a_posted_visit_moves_a_lost_patient_after_the_next_night(
    mis: Mis, clinic: dict[str, Any], process_environment: dict[str, str], celery_worker_process: Any, client: Client
) -> None:
    today = timezone.localdate()
    yesterday_night(process_environment)
    _status, before = mis.call("GET", "patients/P0/profile")
    assert before["segments"]["lifecycle"] == "lost"
    assert before["rfm"]["r"] == 1

    new = [a_visit(clinic["visits"], "P0", today)]
    assert mis.post("visits", new)["created"] == 1
    assert mis.post("visits", new)["unchanged"] == 1, "the same request twice"

    client.force_login(User.objects.create_superuser("chief", password="a long password"))
    assert client.post(reverse("run_night")).status_code in (200, 204, 302)
    eventually(
        lambda: NightlyRun.objects.filter(as_of=today, state=NightlyRun.State.DONE).exists(),
        timeout=60,
        message=lambda: f"the worker did not finish the night: {NightlyRun.objects.values('as_of', 'state', 'error')}",
    )

    _status, after = mis.call("GET", "patients/P0/profile")
    assert after["as_of"] == today.isoformat()
    assert after["segments"]["lifecycle"] != "lost"
    assert after["rfm"]["r"] == 5
    assert after["metrics"]["visits"] == before["metrics"]["visits"] + 1
    assert after["ltv"]["historic"] == before["ltv"]["historic"] + 6000

    _status, flows = mis.call("GET", f"segmentations/lifecycle/flows/?from={today - dt.timedelta(days=1)}&to={today}")
    moves = {(flow["from_segment"], flow["to_segment"]): flow["patients"] for flow in flows["flows"]}
    assert moves[("lost", after["segments"]["lifecycle"])] == 1

    _status, members = mis.call("GET", f"segmentations/lifecycle/segments/{after['segments']['lifecycle']}/patients/")
    assert "P0" in {member["external_id"] for member in members["results"]}

    found = client.post(reverse("search"), {"q": "пациентов0"}).content.decode()
    assert "Пациентов0" in found
    from patients.models import Patient

    card = client.get(reverse("patient", args=[Patient.objects.get(external_id="P0").pk])).content.decode()
    assert today.strftime("%d.%m.%Y") in card or f"{today.day} " in card


def test_a_withdrawn_visit_takes_the_move_back(
    mis: Mis, clinic: dict[str, Any], process_environment: dict[str, str], celery_worker_process: Any, client: Client
) -> None:
    """The MIS posts a visit by mistake and deletes it; the night lived through again says what it said before."""
    today = timezone.localdate()
    yesterday_night(process_environment)
    client.force_login(User.objects.create_superuser("chief", password="a long password"))

    def live_through_tonight() -> Any:
        client.post(reverse("run_night"))
        eventually(lambda: NightlyRun.objects.filter(as_of=today, state=NightlyRun.State.DONE).exists(), timeout=60)
        return mis.call("GET", "patients/P0/profile")[1]

    mistaken = a_visit(clinic["visits"], "P0", today)
    mis.post("visits", [mistaken])
    assert live_through_tonight()["segments"]["lifecycle"] != "lost"

    status, _answer = mis.call("DELETE", f"visits/{mistaken['external_id']}")
    assert status in (200, 204)
    back = live_through_tonight()
    assert back["segments"]["lifecycle"] == "lost"
    _status, flows = mis.call("GET", f"segmentations/lifecycle/flows/?from={today - dt.timedelta(days=1)}&to={today}")
    assert "lost" not in {flow["from_segment"] for flow in flows["flows"]}


def test_bad_items_are_named_and_kept_while_the_good_ones_go_in(mis: Mis, clinic: dict[str, Any]) -> None:
    today = timezone.localdate()
    good = a_visit(9001, "P1", today)
    bad = {**a_visit(9002, "P1", today), "status": "maybe"}
    answer = mis.post("visits", [bad, good])
    assert answer["created"] == 1
    (refused,) = answer["rejected"]
    assert (refused["index"], refused["external_id"]) == (0, "V9002")
    assert "status" in refused["errors"]

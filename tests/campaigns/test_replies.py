"""What patients answer on the pages of messages: a score, a word about an appointment, and the MIS that reads it."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from campaigns import links
from campaigns.models import CallTask, Message, VisitRequest
from campaigns.selectors import call_origins
from campaigns.services.hearing import appointments, scores
from campaigns.services.writing.contexts import contexts
from patients.models import (
    PORTAL,
    Branch,
    Doctor,
    Feedback,
    Integration,
    Patient,
    Service,
    Visit,
    VisitChange,
    VisitItem,
)
from patients.selectors import data_quality
from patients.services.tokens import issue_token
from tests.campaigns.making import _key, make_branch, make_patients, make_template, make_user
from tests.campaigns.test_calls import client_of

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now()


@pytest.fixture
def branch() -> Branch:
    branch = make_branch("Клиника на Арбате")
    Branch.objects.filter(pk=branch.pk).update(review_url="https://maps.example/arbat")
    return Branch.objects.get(pk=branch.pk)


@pytest.fixture
def patient(branch: Branch) -> Patient:
    return make_patients(1, branch=branch)[0]


@pytest.fixture
def visit(patient: Patient, branch: Branch, now: dt.datetime) -> Visit:
    return make_appointment(patient, branch, now + 48 * HOUR)


def make_appointment(patient: Patient, branch: Branch, at: dt.datetime, status: str = "booked") -> Visit:
    return Visit.objects.create(
        patient=patient, branch=branch, starts_at=at, starts_on=timezone.localdate(at), status=status, **_key()
    )


def message_about(visit: Visit, now: dt.datetime, body: str = "{{ appointment.date }}", **fields: Any) -> Message:
    text = make_template("email", "service", ru=body).texts.get()
    return Message.objects.create(
        **{
            "dedupe_key": f"t{visit.pk}:{Message.objects.count()}", "patient": visit.patient, "channel": "email",
            "purpose": "service", "state": "sent", "visit": visit, "branch": visit.branch, "text": text,
            "planned_at": now, "due_at": now, "sent_at": now, **fields,
        }
    )  # fmt: skip


def page(message: Message, kind: str, query: str = "", **post: Any) -> Any:
    url = f"/{kind[0]}/{links.token(kind, message.pk)}{query}"  # type: ignore[arg-type]
    if post.get("do") == "cancel":
        post.setdefault("sure", "1")
    return Client().post(url, post) if post else Client().get(url)


# --- The score ------------------------------------------------------------------------------------------------


def test_a_forged_or_foreign_token_opens_nothing(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    for address in ("/s/abc", f"/s/{links.token('appointment', message.pk)}", f"/a/{links.token('score', message.pk)}"):
        answer = Client().get(address)
        assert answer.status_code == 404
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_looking_at_the_page_of_scores_changes_nothing(visit: Visit, now: dt.datetime) -> None:
    answer = page(message_about(visit, now), "score", "?score=3")
    assert answer.status_code == 200
    assert not Feedback.objects.exists() and not CallTask.objects.exists()
    Client().head(f"/s/{links.token('score', Message.objects.get().pk)}?score=3")
    assert not Feedback.objects.exists()


@pytest.mark.parametrize("score", range(11))
def test_up_to_six_a_manager_calls_from_nine_on_a_public_review_is_asked_for(
    visit: Visit, now: dt.datetime, score: int
) -> None:
    message = message_about(visit, now)
    assert page(message, "score", score=score).status_code == 303
    feedback = Feedback.objects.get()
    assert (feedback.score, feedback.visit, feedback.patient) == (score, visit, visit.patient)
    task = CallTask.objects.filter(patient=visit.patient, done_at__isnull=True, due_at__lte=timezone.now()).first()
    assert bool(task) is (score <= 6)
    assert ("https://maps.example/arbat" in page(message, "score").content.decode()) is (score >= 9)


def test_a_score_given_twice_is_one_and_the_last_word_holds(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    for _ in range(2):
        page(message, "score", score=2)
    page(message, "score", score=2, comment="Ждали час")
    assert (Feedback.objects.get().score, Feedback.objects.get().comment) == (2, "Ждали час")
    assert call_origins.origins([CallTask.objects.get()])[CallTask.objects.get().pk].quote == "Ждали час"
    page(message, "score", score=9)
    assert Feedback.objects.get().score == 9 and Feedback.objects.get().comment == "Ждали час"
    assert CallTask.objects.get().done_at  # nobody has called yet, and nobody need
    page(message, "score", score=1)
    assert CallTask.objects.get().done_at is None


@pytest.mark.parametrize(
    "said",
    ["", "11", "-1", "ten", "٣", "3.5", "9" * 5000],
    ids=["none", "11", "minus", "word", "arabic", "half", "long"],
)
def test_what_is_no_score_is_asked_for_again(visit: Visit, now: dt.datetime, said: str) -> None:
    answer = page(message_about(visit, now), "score", score=said)
    assert answer.status_code == 200 and 'role="alert"' in answer.content.decode()
    assert not Feedback.objects.exists()


def test_two_months_later_the_page_of_scores_is_closed(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now - dt.timedelta(days=61))
    assert page(message, "score").status_code == 404
    with pytest.raises(ValueError, match="11"):
        scores.give(message.pk, 11, None, now)


# --- The appointment ------------------------------------------------------------------------------------------


def test_looking_at_an_appointment_changes_nothing(visit: Visit, now: dt.datetime) -> None:
    answer = page(message_about(visit, now), "appointment", "?do=cancel")
    assert answer.status_code == 200 and "Клиника на Арбате" in answer.content.decode()
    assert not VisitRequest.objects.exists()


@pytest.mark.parametrize(("kind", "tasks"), [("confirm", 0), ("move", 1), ("cancel", 1)])
def test_a_wish_is_noted_once_and_told_to_the_front_desk(visit: Visit, now: dt.datetime, kind: str, tasks: int) -> None:
    message = message_about(visit, now)
    for _ in range(2):
        assert page(message, "appointment", do=kind, wish="после шести").status_code == 303
    request = VisitRequest.objects.get()
    assert (request.kind, request.state, request.visit, request.starts_at) == (kind, "new", visit, visit.starts_at)
    assert CallTask.objects.filter(done_at__isnull=True).count() == tasks
    assert Visit.objects.get().status == "booked"  # the visit is the MIS's


def test_to_cancel_is_asked_once_more_and_then_the_page_says_what_becomes_of_it(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    answer = page(message, "appointment", do="cancel", sure="")
    assert answer.status_code == 303 and "do=cancel" in answer.url
    assert not VisitRequest.objects.exists()
    asked = Client().get(f"{answer.url}&language=en").content.decode()
    assert "Cancel the appointment on" in asked and 'name="sure" value="1"' in asked and "No, keep it" in asked
    assert page(message, "appointment", do="cancel").status_code == 303
    assert VisitRequest.objects.get().kind == "cancel"
    told = page(message, "appointment", "?language=en&do=cancel").content.decode()
    assert "the clinic will free this time" in told and 'name="sure"' not in told


@pytest.mark.parametrize("kind", ["score", "appointment", "unsubscribe", "preferences"])
def test_the_links_of_a_test_letter_say_that_it_was_one(kind: str) -> None:
    for address in (links.disguised(url("", 10_000_000)) for name, url in links.PERSONAL.items()):
        answer = Client().get(address + ("&" if "?" in address else "?") + "language=en")
        assert answer.status_code == 200 and "This was a test" in answer.content.decode()
    own = Client().post(f"/{kind[0]}/{'x' * 20}?language=en", {"do": "cancel", "score": "9"})
    assert own.status_code == 200 and "Here the patient would" in own.content.decode()
    assert not VisitRequest.objects.exists() and not Feedback.objects.exists()
    assert Client().get(f"/{kind[0]}/xxx").status_code == 404


def test_a_later_wish_takes_the_place_of_an_earlier_one(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    page(message, "appointment", do="cancel")
    page(message, "appointment", do="confirm")
    assert list(VisitRequest.objects.order_by("pk").values_list("kind", "state")) == [
        ("cancel", "outdated"), ("confirm", "new"),
    ]  # fmt: skip
    assert not CallTask.objects.filter(done_at__isnull=True).exists()


@pytest.mark.parametrize("changed", ["cancelled", "completed", "past", "deleted"])
def test_an_appointment_that_is_over_cannot_be_changed(visit: Visit, now: dt.datetime, changed: str) -> None:
    message = message_about(visit, now)
    fields: dict[str, Any] = {"past": {"starts_at": now - HOUR}, "deleted": {"deleted_at": now}}.get(
        changed, {"status": changed}
    )
    Visit.objects.update(**fields)
    answer = page(message, "appointment", do="confirm")
    assert answer.status_code == (404 if changed == "deleted" else 303)
    assert appointments.ask(message.pk, "confirm", "", now) is None
    assert not VisitRequest.objects.exists()


@pytest.mark.parametrize(
    ("kind", "change", "state"),
    [
        ("confirm", {"status": "confirmed"}, "done"),
        ("cancel", {"status": "cancelled"}, "done"),
        ("move", {"starts_at": 72}, "done"),
        ("cancel", {"starts_at": 72}, "outdated"),
        ("confirm", {"status": "cancelled"}, "outdated"),
        ("move", {}, "new"),
    ],
    ids=["confirmed", "cancelled", "moved", "moved-instead", "cancelled-instead", "nothing"],
)
def test_what_the_visit_has_become_answers_the_wish(
    visit: Visit, now: dt.datetime, kind: str, change: dict[str, Any], state: str
) -> None:
    appointments.ask(message_about(visit, now).pk, kind, "", now)
    if "starts_at" in change:
        change = {"starts_at": now + change["starts_at"] * HOUR}
    if change:
        Visit.objects.update(**change)
    appointments.settle(now)
    appointments.settle(now)
    assert VisitRequest.objects.get().state == state
    assert CallTask.objects.filter(done_at__isnull=True).exists() is (state == "new" and kind != "confirm")


def moved(visit: Visit, at: dt.datetime) -> None:
    """As the MIS posts it, some time after the message: its change is later than anything the test has sent."""
    Visit.objects.filter(pk=visit.pk).update(starts_at=at, starts_on=timezone.localdate(at))


def test_the_link_of_an_old_mail_neither_tells_nor_touches_the_appointment_that_was_moved(
    visit: Visit, now: dt.datetime
) -> None:
    """Mails are forwarded: whoever has an old one learns nothing new by it."""
    old = message_about(visit, now)
    assert "Клиника на Арбате" in page(old, "appointment").content.decode()
    moved(visit, visit.starts_at + 24 * HOUR)
    words = page(old, "appointment").content.decode()
    assert "Клиника на Арбате" not in words and 'name="do"' not in words
    assert page(old, "appointment", do="cancel").status_code == 303
    assert not VisitRequest.objects.exists()
    newer = message_about(visit, timezone.now())
    assert "Клиника на Арбате" in page(newer, "appointment").content.decode()
    assert appointments.ask(newer.pk, "confirm", "", timezone.now())


def test_moved_and_moved_back_the_link_works_again(visit: Visit, now: dt.datetime) -> None:
    message, at = message_about(visit, now), visit.starts_at
    moved(visit, at + HOUR)
    moved(visit, at)
    assert 'name="do"' in page(message, "appointment").content.decode()


def test_a_day_after_the_appointment_its_page_is_closed(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now - 80 * HOUR)
    Visit.objects.update(starts_at=now - 23 * HOUR)
    VisitChange.objects.all().delete()
    assert page(message, "appointment").status_code == 200
    Visit.objects.update(starts_at=now - 25 * HOUR)
    VisitChange.objects.all().delete()
    assert page(message, "appointment").status_code == 404


def test_the_page_names_neither_the_patient_nor_the_doctor_nor_what_was_written(
    visit: Visit, branch: Branch, now: dt.datetime
) -> None:
    doctor = Doctor.objects.create(name="Психиатров", **_key())
    Visit.objects.update(doctor=doctor)
    message = message_about(visit, now)
    page(message, "appointment", do="move", wish="после процедуры")
    page(message, "score", score=2, comment="имя врача")
    for kind in ("appointment", "score"):
        words = page(message, kind).content.decode()
        for secret in ("Психиатров", "после процедуры", "имя врача", visit.patient.last_name, visit.patient.first_name):
            assert secret not in words
    page(message, "score", score=2, comment="  ")  # the field is shown empty, so empty is no word
    assert Feedback.objects.get().comment == "имя врача"


def test_whoever_plays_with_the_page_is_asked_to_call(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    for number in range(appointments.MOST_WISHES + 5):
        page(message, "appointment", do="move", wish=f"в {number} часов")
    assert VisitRequest.objects.count() == appointments.MOST_WISHES
    assert CallTask.objects.filter(done_at__isnull=True).count() == 1
    assert "late=1" in page(message, "appointment", do="cancel").url


def test_the_time_is_that_of_the_branch_in_the_words_of_the_reader(patient: Patient, now: dt.datetime) -> None:
    far = make_branch("Дальняя", "Asia/Vladivostok")
    at = dt.datetime(now.year + 1, 5, 30, 0, 30, tzinfo=dt.UTC)
    message = message_about(make_appointment(patient, far, at), now)
    assert f"30 мая {now.year + 1}, 10:30" in page(message, "appointment", "?language=ru").content.decode()
    assert f"30 May {now.year + 1}, 10:30" in page(message, "appointment", "?language=en").content.decode()


# --- The card of a call ---------------------------------------------------------------------------------------


def card_of(task: CallTask) -> str:
    client = client_of(make_user("manager"), "patients.view_patient")
    return str(client.get(f"/calls/{task.pk}/").content.decode())


def test_the_card_of_an_unhappy_patient_shows_the_score_and_what_was_written(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    scores.give(message.pk, 3, "Ждали <час>", now)
    words = card_of(CallTask.objects.get())
    assert "3 of 10" in words and "Ждали &lt;час&gt;" in words and "Клиника на Арбате" in words
    assert f"/patients/{visit.patient_id}/" in words
    scores.give(message.pk, 10, None, now)
    assert "has given a better score since" in card_of(CallTask.objects.get())


def test_the_card_of_a_wish_shows_it_and_who_has_answered(visit: Visit, now: dt.datetime) -> None:
    request = appointments.ask(message_about(visit, now).pk, "move", "после шести", now)
    assert request
    task = CallTask.objects.get()
    words = card_of(task)
    assert "после шести" in words and "not read by the MIS yet" in words
    CallTask.objects.update(attempts=1, outcome="no_answer")  # nobody picked up, then the MIS moved it
    appointments.answer(request, "done", "в пятницу", now)
    words = card_of(task)
    assert "This call closed itself: answered by the MIS." in words and "в пятницу" in words


def test_the_portal_itself_is_no_source_that_posts(visit: Visit, now: dt.datetime) -> None:
    scores.give(message_about(visit, now).pk, 8, None, now)
    assert Integration.objects.filter(code=PORTAL).exists()
    assert PORTAL not in [source.code for source in data_quality.sources()]
    admin = get_user_model().objects.create_superuser("root", "root@example.org", "x")
    client = Client()
    client.force_login(admin)
    assert "Страницы портала" not in client.get("/admin/patients/integration/").content.decode()
    answer = client.post("/admin/patients/integration/add/", {"code": PORTAL, "requests_per_minute": 600})
    assert answer.status_code == 200 and answer.context["errors"]


# --- The MIS --------------------------------------------------------------------------------------------------


def api(source: Integration, *scopes: str) -> dict[str, str]:
    source.scopes = list(scopes)
    source.save()
    return {"Authorization": f"Token {issue_token(source)}"}


def test_the_mis_reads_its_own_wishes_and_answers(visit: Visit, now: dt.datetime) -> None:
    appointments.ask(message_about(visit, now).pk, "move", "вечером", now)
    other = api(Integration.objects.create(code="other"), "read", "ingest")
    assert Client().get("/api/v1/visit-requests/", headers=other).json() == {"next": None, "results": []}
    mine = api(visit.source, "read", "ingest")
    (wish,) = Client().get("/api/v1/visit-requests/", headers=mine).json()["results"]
    assert (wish["visit"], wish["patient"], wish["kind"], wish["wish"], wish["state"]) == (
        visit.external_id, visit.patient.external_id, "move", "вечером", "new",
    )  # fmt: skip
    url = f"/api/v1/visit-requests/{wish['id']}/answer"

    def answered(headers: dict[str, str], **body: Any) -> Any:
        return Client().post(url, body, content_type="application/json", headers=headers)

    assert answered(other, state="done").status_code == 404
    assert answered(mine, state="taken").json()["state"] == "taken"
    wrong = answered(mine, state="eaten")
    assert wrong.status_code == 400 and "state" in wrong.json()["errors"]
    for _ in range(2):
        assert answered(mine, state="done").json()["state"] == "done"
    assert answered(mine, state="refused").status_code == 409
    assert not CallTask.objects.filter(done_at__isnull=True).exists()


def test_wishes_come_page_by_page_and_only_with_the_scope(patient: Patient, branch: Branch, now: dt.datetime) -> None:
    for number in range(3):
        visit = make_appointment(patient, branch, now + (24 + number) * HOUR)
        appointments.ask(message_about(visit, now).pk, "confirm", "", now)
    url = "/api/v1/visit-requests/"
    assert Client().get(url).status_code == 401
    assert Client().get(url, headers=api(visit.source, "ingest")).status_code == 403
    mine = api(visit.source, "read")
    assert Client().get(f"{url}?state=lost", headers=mine).status_code == 400
    first = Client().get(f"{url}?limit=2", headers=mine).json()
    second = Client().get(first["next"], headers=mine).json()
    assert [len(first["results"]), len(second["results"]), second["next"]] == [2, 1, None]


# --- What letters know ----------------------------------------------------------------------------------------


def test_a_letter_about_one_of_two_appointments_speaks_of_that_one(
    patient: Patient, branch: Branch, now: dt.datetime
) -> None:
    sooner = make_appointment(patient, branch, now + 24 * HOUR)
    later = make_appointment(patient, branch, now + 240 * HOUR)
    service = Service.objects.create(name="Гигиена", **_key())
    VisitItem.objects.create(visit=later, service=service)
    body = "{{ appointment.date }} {{ appointment.service }} {{ service.name }} {{ confirm_url }} {{ score_url }}"
    message = message_about(later, now, body, service=service)
    values = contexts([message], now)[message.pk]
    assert values["appointment"]["service"] == "Гигиена" == values["service"]["name"]
    assert str(values["confirm_url"]).endswith("?do=confirm")
    of_nobody = message_about(sooner, now, body)
    of_nobody.visit = None
    assert contexts([of_nobody], now)[of_nobody.pk]["appointment"]["date"] == sooner.starts_on


def test_a_reminder_cannot_be_answered_after_the_erasure_of_its_patient(visit: Visit, now: dt.datetime) -> None:
    message = message_about(visit, now)
    appointments.ask(message.pk, "move", "позвоните мужу, 8 900 …", now)
    scores.give(message.pk, 3, "имя врача …", now)
    call_command("forget_patient", visit.source.code, visit.patient.external_id)
    assert (VisitRequest.objects.get().wish, Feedback.objects.get().comment) == ("", "")
    assert set(CallTask.objects.values_list("script", flat=True)) == {""}


def test_words_with_a_nul_are_taken_without_it(visit: Visit, now: dt.datetime) -> None:
    """PostgreSQL knows no such text, and whoever posts one is no reason for an error page."""
    message = message_about(visit, now)
    assert page(message, "score", score=5, comment="a\x00b").status_code == 303
    assert Feedback.objects.get().comment == "ab"
    assert page(message, "appointment", do="move", wish="a\x00b").status_code == 303
    wish = VisitRequest.objects.get()
    assert wish.wish == "ab"
    answer = Client().post(
        f"/api/v1/visit-requests/{wish.pk}/answer", {"state": "done", "note": "a\x00b"}, "application/json",
        headers=api(visit.source, "ingest"),
    )  # fmt: skip
    assert answer.status_code == 400 and "note" in answer.json()["errors"]


def test_an_appointment_that_was_another_persons_is_neither_shown_nor_touched(visit: Visit, now: dt.datetime) -> None:
    """The source has said so since the message; a card merged into the reader's own is the reader's."""
    message, (other, kept) = message_about(visit, now), make_patients(2)
    Visit.objects.filter(pk=visit.pk).update(patient=other)
    assert page(message, "appointment").status_code == 404
    assert appointments.ask(message.pk, "cancel", "", now) is None
    Visit.objects.filter(pk=visit.pk).update(patient=message.patient)
    Patient.objects.filter(pk=message.patient_id).update(merged_into=kept)
    assert appointments.ask(message.pk, "cancel", "", now)


def test_a_wish_about_what_became_another_persons_appointment_is_closed(visit: Visit, now: dt.datetime) -> None:
    """The MIS must not cancel the appointment of somebody who has not asked for it."""
    other, kept = make_patients(2)
    wish = appointments.ask(message_about(visit, now).pk, "cancel", "", now)
    assert wish
    Patient.objects.filter(pk=wish.patient_id).update(merged_into=kept)
    Visit.objects.filter(pk=visit.pk).update(patient=kept)  # posted again, a visit goes to the card that is kept
    assert appointments.settle(now) == 0
    Visit.objects.filter(pk=visit.pk).update(patient=other)
    assert appointments.settle(now) == 1
    assert VisitRequest.objects.get().state == "outdated" and CallTask.objects.get().done_at

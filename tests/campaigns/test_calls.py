"""The call list: one manager per call, outcomes once, what follows from them, and the way back."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.channels.base import Envelope
from campaigns.models import CallTask, Message, MessageEvent, Suppression
from campaigns.services.calling import call_times, calls, needless
from patients.models import Consent, Patient
from tests.campaigns.making import NOW, make_branch, make_campaign, make_message, make_patients, make_user

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


@pytest.fixture
def boris() -> Any:
    return make_user("boris")


def task(patient: Patient | None = None, **fields: Any) -> CallTask:
    patient = patient or make_patients(1)[0]
    message = make_message(patient, campaign=make_campaign(channels=["call"]), channel="call")
    return CallTask.objects.create(**{"patient": patient, "message": message, "title": "Пора", "due_at": NOW, **fields})


def events(one: CallTask) -> list[dict[str, Any]]:
    return [event.detail for event in MessageEvent.objects.filter(message=one.message).order_by("pk")]


def test_messages_become_tasks_once() -> None:
    (patient,) = make_patients(1)
    message = make_message(patient, campaign=make_campaign(channels=["call"]), channel="call", at=NOW)
    envelope = Envelope(message_id=message.pk, key="k", to=patient.phone, subject="Чистка", text="Здравствуйте!")
    calls.put_tasks([envelope])
    calls.put_tasks([envelope])
    made = CallTask.objects.get()
    assert (made.patient, made.title, made.script, made.due_at) == (patient, "Чистка", "Здравствуйте!", NOW)


def test_two_managers_never_get_the_same_call(anna: Any, boris: Any) -> None:
    first, second = task(due_at=NOW - HOUR), task()
    assert calls.claim_next(anna, NOW) == first
    assert calls.claim_next(boris, NOW) == second
    assert calls.claim_next(anna, NOW) == first  # pressed again: still hers
    assert not calls.claim(first.pk, boris, NOW)


def test_a_lease_that_ran_out_frees_the_call(anna: Any, boris: Any) -> None:
    one = task()
    calls.claim(one.pk, anna, NOW)
    later = NOW + calls.LEASE + dt.timedelta(seconds=1)
    assert calls.claim_next(boris, later) == one


def test_nothing_is_due_before_its_time_or_after_its_use(anna: Any) -> None:
    task(due_at=NOW + HOUR)
    over = task(useful_until=NOW)
    assert calls.claim_next(anna, NOW) is None
    assert needless.close_expired(NOW) == 1
    over.refresh_from_db()
    assert (over.outcome, over.done_at, over.closed_why) == ("", NOW, "late")


def test_outcome_is_recorded_once_however_often_it_is_pressed(anna: Any) -> None:
    one = task()
    first = calls.record_outcome(one.pk, anna, "booked", "на пятницу", NOW, attempt=0)
    again = calls.record_outcome(one.pk, anna, "booked", "на пятницу", NOW, attempt=0)
    one.refresh_from_db()
    assert first == again
    assert (one.outcome, one.attempts, one.done_by, one.done_at) == ("booked", 1, anna, NOW)
    assert events(one) == [{"outcome": "booked", "attempt": 1, "undone": False}]


def test_no_answer_comes_back_at_the_chosen_time(anna: Any) -> None:
    one = task()
    calls.record_outcome(one.pk, anna, "no_answer", "", NOW, NOW + HOUR)
    one.refresh_from_db()
    assert (one.done_at, one.due_at, one.attempts) == (None, NOW + HOUR, 1)
    assert calls.claim_next(anna, NOW) is None
    assert calls.claim_next(anna, NOW + HOUR) == one


@pytest.mark.parametrize(
    ("outcome", "again"),
    [("nonsense", None), ("booked", NOW + HOUR), ("no_answer", NOW - HOUR), ("thinking", NOW + 48 * HOUR)],
)
def test_outcomes_that_make_no_sense_are_refused(anna: Any, outcome: str, again: dt.datetime | None) -> None:
    one = task(useful_until=NOW + 24 * HOUR)
    with pytest.raises(calls.CallRefused):
        calls.record_outcome(one.pk, anna, outcome, "", NOW, again)
    one.refresh_from_db()
    assert one.attempts == 0


def test_nobody_notes_a_call_another_manager_is_making(anna: Any, boris: Any) -> None:
    one = task()
    calls.claim(one.pk, anna, NOW)
    with pytest.raises(calls.CallRefused):
        calls.record_outcome(one.pk, boris, "refused", "", NOW)


def test_asked_not_to_be_called_stops_calls_and_withdraws_consent(anna: Any) -> None:
    one = task()
    calls.record_outcome(one.pk, anna, "no_more_calls", "", NOW)
    stop = Suppression.objects.get()
    assert (stop.channel, stop.reason, stop.marketing_only, stop.address_key) == (
        "call", "unsubscribe", True, one.message.address_key,
    )  # fmt: skip
    word = Consent.objects.get(patient=one.patient, channel="call", until__isnull=True)
    assert not word.granted


def test_wrong_number_is_used_on_no_channel_of_the_phone(anna: Any) -> None:
    one = task()
    calls.record_outcome(one.pk, anna, "wrong_number", "", NOW)
    assert set(Suppression.objects.values_list("channel", "marketing_only")) == {("call", False), ("sms", False)}


def test_outcome_taken_back_leaves_everything_as_before(anna: Any) -> None:
    one = task()
    calls.record_outcome(one.pk, anna, "no_more_calls", "", NOW)
    assert calls.undo(one.pk, anna, NOW + dt.timedelta(minutes=5))
    one.refresh_from_db()
    assert (one.done_at, one.outcome, one.attempts, one.due_at, one.claimed_by) == (None, "", 0, NOW, anna)
    assert not Suppression.objects.filter(lifted_at__isnull=True).exists()
    assert Consent.objects.get(patient=one.patient, channel="call", until__isnull=True).granted
    assert [event["undone"] for event in events(one)] == [False, True]
    assert not calls.undo(one.pk, anna, NOW + dt.timedelta(minutes=6))


def test_suppression_that_was_there_before_survives_the_undo(anna: Any) -> None:
    one = task()
    key = one.message.address_key
    Suppression.objects.create(channel="call", address_key=key, reason="unsubscribe")
    calls.record_outcome(one.pk, anna, "no_more_calls", "", NOW)
    calls.undo(one.pk, anna, NOW)
    assert Suppression.objects.filter(lifted_at__isnull=True).count() == 1


def test_only_ones_own_fresh_outcome_can_be_taken_back(anna: Any, boris: Any) -> None:
    one = task()
    calls.record_outcome(one.pk, anna, "refused", "", NOW)
    assert not calls.undo(one.pk, boris, NOW)
    assert not calls.undo(one.pk, anna, NOW + HOUR)


def test_calls_again_never_fall_into_the_night_of_the_patient() -> None:
    one = task(branch=make_branch("Новосибирск", "Asia/Novosibirsk"))
    evening = dt.datetime(2026, 11, 23, 13, 0, tzinfo=dt.UTC)  # 20:00 there; in two hours it is night
    again = call_times.again_at("2h", one, evening)
    assert again == dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)  # 10:00 there, an hour after the quiet hours
    assert call_times.again_at("nonsense", one, evening) is None


# --- Pages --------------------------------------------------------------------------------------------------------
def client_of(user: Any, *more: str) -> Client:
    from django.contrib.auth.models import Permission

    for permission in more:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def test_strangers_and_the_owner_see_no_calls() -> None:
    one = task()
    assert Client().get("/calls/").status_code == 302
    owner = client_of(make_user("owner", "campaigns.view_campaign"))
    for path in ("/calls/", f"/calls/{one.pk}/"):
        assert owner.get(path).status_code == 403
    for path in ("/calls/next/", f"/calls/{one.pk}/outcome/", f"/calls/{one.pk}/take/"):
        assert owner.post(path).status_code == 403


def test_whoever_only_views_changes_nothing() -> None:
    one = task()
    viewer = client_of(make_user("viewer", "campaigns.view_calltask"), "patients.view_patient")
    assert viewer.get(f"/calls/{one.pk}/").status_code == 200
    assert viewer.post(f"/calls/{one.pk}/outcome/", {"outcome": "booked"}).status_code == 403


def test_phone_is_a_link_only_for_who_may_see_it_and_holds_the_call(anna: Any) -> None:
    one = task()
    hidden = client_of(anna, "patients.view_patient")
    assert one.patient.phone not in hidden.get(f"/calls/{one.pk}/").content.decode()
    calls.claim(one.pk, anna, timezone.now())
    seeing = client_of(anna, "patients.view_contacts")
    assert f"tel:{one.patient.phone}" in seeing.get(f"/calls/{one.pk}/").content.decode()


def test_manager_goes_from_call_to_call(anna: Any) -> None:
    now = timezone.now()
    first, second = task(due_at=now - HOUR), task(due_at=now)
    client = client_of(anna, "patients.view_patient")
    assert client.post("/calls/next/").url == f"/calls/{first.pk}/"
    answer = client.post(f"/calls/{first.pk}/outcome/", {"outcome": "booked", "attempt": "0", "note": "ok"})
    assert answer.url == f"/calls/{second.pk}/?noted={first.pk}"
    page = client.get(answer.url).content.decode()
    assert f"/calls/{first.pk}/undo/" in page
    assert client.post(f"/calls/{second.pk}/outcome/", {"outcome": "thinking:1w", "attempt": "0"}).url.startswith(
        "/calls/"
    )
    second.refresh_from_db()
    assert second.done_at is None and second.due_at > timezone.now()


@pytest.mark.parametrize("posted", [{}, {"outcome": "x"}, {"outcome": "no_answer:99y"}, {"outcome": "booked:2h"}])
def test_bad_outcomes_are_told_on_the_card(anna: Any, posted: dict[str, str]) -> None:
    one = task()
    client = client_of(anna, "patients.view_patient")
    answer = client.post(f"/calls/{one.pk}/outcome/", posted, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0].startswith(f"/calls/{one.pk}/")
    assert any(message.level_tag == "error" for message in answer.context["messages"])


def test_unknown_call_or_action_is_not_found(anna: Any) -> None:
    client = client_of(anna, "patients.view_patient")
    assert client.get("/calls/99999/").status_code == 404
    assert client.post("/calls/99999/take/").status_code == 404
    assert client.post(f"/calls/{task().pk}/nonsense/").status_code == 404


def test_list_takes_a_fixed_number_of_queries(anna: Any, django_assert_max_num_queries: Any) -> None:
    client = client_of(anna, "patients.view_patient")
    patients = make_patients(40)
    CallTask.objects.bulk_create(CallTask(patient=one, title="Пора", due_at=timezone.now()) for one in patients)
    client.get("/calls/")
    with django_assert_max_num_queries(14):
        page = client.get("/calls/")
    assert page.content.decode().count("call-title") == 30
    after = page.context["next_url"]
    assert client.get(f"/calls/{after}").content.decode().count("call-title") == 10
    for query in ("?view=later", "?view=done", "?mine=1", "?overdue=1", "?branch=x&after=nonsense&view=nonsense"):
        assert client.get(f"/calls/{query}").status_code == 200


def test_done_calls_of_the_day_are_listed(anna: Any) -> None:
    one = task()
    now = timezone.now()
    calls.record_outcome(one.pk, anna, "refused", "", now)
    client = client_of(anna)
    page = client.get("/calls/?view=done")
    assert str(one.patient) in page.content.decode()
    assert page.context["today"].mine == 1
    assert Message.objects.count() == 1

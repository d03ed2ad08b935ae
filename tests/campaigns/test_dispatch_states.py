"""What becomes of a claimed row: by the gate's last word, the provider's answer, a text that cannot be written."""

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import transaction

from campaigns.models import (
    CallTask,
    Campaign,
    ChannelAccount,
    Dispatcher,
    Message,
    MessageEvent,
    Suppression,
    TemplateText,
)
from campaigns.services.deciding import gate
from campaigns.services.sending import claims, dispatch, limits, recovery
from campaigns.services.sending.settling import MOST_ATTEMPTS, Outcome
from tests.campaigns.making import NOW, address_key, consent, make_message, make_patients, make_template, make_visit
from tests.faults.dispatching import TEXT, email_account, plan, running_campaign, send, states
from tests.faults.smtp_server import Peer, smtp_server

pytestmark = pytest.mark.stack
committed = pytest.mark.django_db(transaction=True)
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with smtp_server(tmp_path_factory.mktemp("smtp") / "accepted") as peer:
        yield peer


@pytest.fixture
def peer(server: Peer) -> Peer:
    server.record.write_text("")
    return server


def message_to(address: str, text: str = TEXT, **fields: object) -> Message:
    (patient,) = make_patients(1, email=address)
    body = TemplateText.objects.get(template=make_template("email", ru=text))
    return make_message(patient, state="planned", text=body, **fields)


def read(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


@committed
def test_accepted_is_sent_with_time_cost_and_the_providers_number(peer: Peer) -> None:
    email_account(peer, price="0.25")
    message = message_to("anna@example.org")
    report = send()
    found = read(message)
    assert (found.state, found.reason, found.sent_at, found.parts, found.attempts) == ("sent", "", NOW, 1, 1)
    assert found.cost == Decimal("0.25")
    assert found.provider_id.endswith("@clinic.example>")
    assert (report.sent, report.claimed, report.note) == (1, 1, "")


@committed
def test_an_address_that_does_not_exist_fails_and_is_suppressed_in_the_same_moment(peer: Peer) -> None:
    email_account(peer)
    message = message_to("nobody@example.org")
    send()
    found = read(message)
    assert (found.state, found.reason) == ("failed", "refused")
    assert "5.1.1" in found.error
    assert "nobody" not in found.error
    assert found.sent_at is None and found.cost == 0
    assert Suppression.objects.get().address_key == found.address_key
    assert MessageEvent.objects.get().kind == "bounced"


@committed
def test_postponed_is_tried_later_and_later_and_then_it_has_failed(peer: Peer) -> None:
    email_account(peer)
    message = message_to("later@example.org")
    now, waits = NOW, []
    for _attempt in range(MOST_ATTEMPTS - 1):
        send(now)
        found = read(message)
        assert (found.state, found.reason) == ("deferred", "not_accepted_yet")
        waits.append(found.due_at - now)
        assert send(found.due_at - datetime.timedelta(seconds=1)).claimed == 0
        now = found.due_at
        if not 7 <= now.hour < 17:  # asleep in Moscow: the gate would defer it
            now = now.replace(hour=9) + (DAY if now.hour >= 17 else 0 * DAY)
    assert waits == sorted(waits) and waits[0] >= datetime.timedelta(minutes=1)
    send(now)
    found = read(message)
    assert (found.state, found.reason) == ("failed", "channel_failed")


@committed
def test_no_answer_after_the_mail_was_handed_over_is_unknown_and_stays_so(peer: Peer) -> None:
    email_account(peer)
    message = message_to("silent@example.org")
    send()
    found = read(message)
    assert (found.state, found.reason) == ("unknown", "no_answer")
    assert found.sent_at == NOW, "it counts for the caps: it may have been sent"
    send(NOW + DAY)
    assert peer.received() == {"silent@example.org": 1}


@committed
def test_a_text_that_cannot_be_written_for_one_patient_holds_up_nobody(peer: Peer) -> None:
    email_account(peer)
    good, bad = (
        message_to("a@example.org"),
        message_to("b@example.org", text="{{ patient.middle_name | upcase }}{{ nonsense.x }}"),
    )
    send()
    found = read(bad)
    assert (found.state, found.reason, found.attempts) == ("failed", "not_rendered", 0)
    assert found.error
    assert read(good).state == "sent"


@committed
def test_a_refused_login_fails_at_most_what_was_in_the_senders_hands_and_pauses_the_channel(tmp_path: Path) -> None:
    with smtp_server(tmp_path / "accepted", "--deny") as peer:
        email_account(peer)
        campaign = running_campaign()
        plan(campaign, 300)
        report = send()
        found = states(campaign)
        assert report.note
        assert 1 <= found["failed", "channel_failed"] <= 4
        assert found["planned", ""] == 300 - found["failed", "channel_failed"]
        pause = limits.paused("email")
        assert pause and "may not send" in pause.why
        assert send().claimed == 0
        limits.works_again("email")
        assert limits.paused("email") is None


@committed
def test_nobody_home_nothing_is_claimed() -> None:
    email_account(None)
    message = message_to("anna@example.org")
    report = send()
    assert report.claimed == 0 and report.note
    assert read(message).state == "planned"
    assert read(message).attempts == 0
    assert limits.paused("email")


@committed
def test_a_channel_without_settings_says_what_is_missing(peer: Peer) -> None:
    email_account(peer, sender="")
    message_to("anna@example.org")
    assert "sender" in send().note
    ChannelAccount.objects.all().delete()
    assert send().note


# --- the gate's last word --------------------------------------------------------------------------------------


@committed
def test_what_changed_since_planning_is_seen(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    withdrawn, gone, late, booked, fine = plan(campaign, 5)
    consent(withdrawn.patient, granted=False, at=NOW - HOUR)
    type(gone.patient).objects.filter(pk=gone.patient_id).update(deleted_at=NOW)
    Message.objects.filter(pk=late.pk).update(useful_until=NOW - HOUR)
    Campaign.objects.filter(pk=campaign.pk).update(skip_booked=True)
    make_visit(booked.patient, NOW + DAY, status="booked", created_at=NOW)
    send()
    assert [(read(one).state, read(one).reason) for one in (withdrawn, gone, late, booked, fine)] == [
        ("suppressed", "no_consent"), ("cancelled", "gone"), ("expired", "late"), ("cancelled", "goal_met"),
        ("sent", ""),
    ]  # fmt: skip
    assert peer.count() == 1


@committed
def test_at_night_it_waits_for_the_morning_and_the_attempt_does_not_count(peer: Peer) -> None:
    email_account(peer)
    message = message_to("anna@example.org", at=NOW - DAY)
    night = NOW.replace(hour=20)  # 23:00 in Moscow
    send(night)
    found = read(message)
    assert (found.state, found.reason, found.attempts, found.dispatcher) == ("deferred", "quiet_hours", 0, None)
    assert found.due_at == NOW.replace(day=24, hour=6)
    send(found.due_at)
    assert read(message).state == "sent"


@committed
def test_what_is_not_due_or_of_a_campaign_that_does_not_run_is_not_touched(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 3, due_at=NOW + HOUR)
    assert send().claimed == 0
    for state in ("paused", "planning", "stopped", "finished"):
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        assert send(NOW + 2 * HOUR).claimed == 0
    Campaign.objects.filter(pk=campaign.pk).update(state="running")
    assert send(NOW + 2 * HOUR).sent == 3


@committed
def test_limit(peer: Peer) -> None:
    email_account(peer)
    campaign = running_campaign()
    plan(campaign, 5)
    assert send(limit=2).sent == 2
    assert states(campaign) == {("sent", ""): 2, ("planned", ""): 3}


@committed
def test_calls_become_tasks(peer: Peer) -> None:
    ChannelAccount.objects.create(channel="call", per_second=1000, price=5)
    (patient,) = make_patients(1)
    script = TemplateText.objects.get(template=make_template("call", ru="Позвоните {{ patient.first_name }}"))
    message = make_message(patient, channel="call", state="planned", text=script)
    assert dispatch.run("call", lambda: NOW).sent == 1
    assert CallTask.objects.get(message=message).script == "Позвоните Анна"


@committed
def test_inside_a_transaction_it_refuses(peer: Peer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        send()


# --- claims and recovery -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_two_dispatchers_claim_disjoint_sets_the_longest_due_first() -> None:
    campaign = running_campaign()
    messages = plan(campaign, 10)
    early = messages[7]
    Message.objects.filter(pk=early.pk).update(due_at=NOW - HOUR)
    first, second = Dispatcher.objects.create(), Dispatcher.objects.create()
    a = claims.take(first.pk, "email", NOW, 4)
    b = claims.take(second.pk, "email", NOW, 100)
    assert early.pk in a and len(a) == 4 and len(b) == 6
    assert not set(a) & set(b)
    assert claims.take(first.pk, "email", NOW, 4) == []


@pytest.mark.django_db
def test_the_dead_leave_unknown_what_they_were_handing_over_and_nothing_else() -> None:
    campaign = running_campaign()
    plan(campaign, 4)
    with claims.a_dispatcher() as holding:
        taken = claims.take(holding.dispatcher_id, "email", NOW, 3)
        assert claims.step(holding.dispatcher_id, [], [], taken[:1]) == {taken[0]}
        assert recovery.sweep(NOW) == 0, "it lives: its lock is held"
    assert recovery.sweep(NOW) == 3
    assert states(campaign) == {("unknown", "interrupted"): 1, ("planned", ""): 3}
    found = Message.objects.get(pk=taken[0])
    assert found.sent_at == NOW
    assert Message.objects.get(pk=taken[1]).attempts == 0
    with pytest.raises(claims.DeclaredDead):
        claims.take(holding.dispatcher_id, "email", NOW, 3)
    with pytest.raises(claims.DeclaredDead):
        claims.step(holding.dispatcher_id, [], [], taken[1:])


@pytest.mark.django_db
def test_one_that_only_seemed_dead_still_writes_the_answers_it_heard() -> None:
    campaign = running_campaign()
    plan(campaign, 2)
    with claims.a_dispatcher() as holding:
        taken = claims.take(holding.dispatcher_id, "email", NOW, 2)
        claims.step(holding.dispatcher_id, [], [], taken)
    recovery.sweep(NOW)
    answer = Outcome(taken[0], "sent", sent_at=NOW, parts=1)
    with pytest.raises(claims.DeclaredDead):
        claims.step(holding.dispatcher_id, [answer], [], [])
    assert states(campaign) == {("sent", ""): 1, ("unknown", "interrupted"): 1}


@pytest.mark.django_db
def test_a_stop_between_claim_and_sending_cancels() -> None:
    campaign = running_campaign()
    plan(campaign, 2)
    with claims.a_dispatcher() as holding:
        taken = claims.take(holding.dispatcher_id, "email", NOW, 2)
        Campaign.objects.filter(pk=campaign.pk).update(state="stopped")
        assert claims.step(holding.dispatcher_id, [], [], taken) == set()
    recovery.sweep(NOW)
    assert states(campaign) == {("cancelled", "stopped"): 2}


@pytest.mark.django_db
def test_a_row_whose_dispatcher_nobody_knows_is_unknown() -> None:
    message = message_to("anna@example.org", claimed_at=NOW)
    Message.objects.filter(pk=message.pk).update(state="sending")
    recovery.sweep(NOW)
    assert (read(message).state, read(message).reason) == ("unknown", "interrupted")


@committed
def test_an_address_changed_after_the_gate_has_looked_passes_the_gate_first(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    email_account(peer)
    message = message_to("anna@example.org")
    Suppression.objects.create(channel="email", address_key=address_key("new@example.org"), reason="complaint")
    asked = gate.recheck

    def recheck_then_the_mis_posts(ids: Sequence[int], now: datetime.datetime) -> dict[int, gate.Verdict]:
        verdicts = asked(ids, now)
        message.patient.email = "new@example.org"
        message.patient.save()
        return verdicts

    monkeypatch.setattr(gate, "recheck", recheck_then_the_mis_posts)
    send()
    assert (read(message).state, read(message).reason) == ("suppressed", "suppressed_address")
    assert peer.count() == 0


@committed
def test_a_message_sent_again_by_a_persons_word_is_paid_for_twice(peer: Peer) -> None:
    email_account(peer, price="0.25")
    message = message_to("anna@example.org", cost=Decimal("0.25"))
    send()
    assert read(message).cost == Decimal("0.50")

"""The buttons of a campaign: who may press them, when, and that pressing twice acts once."""

import datetime
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Campaign, Message, VariantText
from campaigns.services.deciding import planning
from campaigns.services.running import counts, lifecycle
from campaigns.services.running.lifecycle import NotAllowed
from tests.campaigns.making import NOW, launch, make_campaign, make_message, make_patients, make_user, policy

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
Button = Callable[[int, Any, datetime.datetime], Campaign]


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).state


# button, state before, state after; None: not allowed
TABLE: list[tuple[str, str, str | None]] = [
    ("pause", "running", "paused"), ("pause", "paused", "paused"), ("pause", "finished", None),
    ("pause", "draft", None), ("pause", "stopped", None), ("pause", "planning", None),
    ("resume", "paused", "running"), ("resume", "running", "running"), ("resume", "stopped", None),
    ("stop", "running", "stopped"), ("stop", "paused", "stopped"), ("stop", "planning", "stopped"),
    ("stop", "waiting", "stopped"), ("stop", "stopped", "stopped"), ("stop", "finished", None), ("stop", "draft", None),
    ("reject", "waiting", "draft"), ("reject", "draft", "draft"), ("reject", "running", None),
    ("approve", "draft", None), ("approve", "stopped", None), ("approve", "running", "running"),
    ("launch", "stopped", None), ("launch", "running", "running"), ("launch", "waiting", None),
    ("retry_failed", "draft", None), ("retry_failed", "stopped", None), ("retry_failed", "paused", "paused"),
    ("release_unknown", "stopped", None), ("release_unknown", "paused", "paused"),
]  # fmt: skip


@pytest.mark.parametrize(("button", "before", "after"), TABLE)
def test_what_a_button_does_in_a_state(button: str, before: str, after: str | None) -> None:
    campaign = make_campaign(state=before)
    press: Button = getattr(lifecycle, button)
    user = make_user()
    if after is None:
        with pytest.raises(NotAllowed):
            press(campaign.pk, user, NOW)
        assert state_of(campaign) == before
    else:
        assert press(campaign.pk, user, NOW).state == state_of(campaign) == after


@pytest.mark.parametrize("button", ["submit", "launch", "approve", "reject", "pause", "resume", "stop", "retry_failed"])
def test_nobody_presses_a_button_without_the_right(button: str) -> None:
    campaign = make_campaign(state="waiting")
    with pytest.raises(NotAllowed):
        getattr(lifecycle, button)(campaign.pk, make_user("stranger", "campaigns.view_campaign"), NOW)
    assert state_of(campaign) == "waiting"


def test_a_launch_freezes_the_texts_of_the_moment() -> None:
    campaign = make_campaign(channels=["email", "sms"], languages=("ru", "en"), variants=2)
    lifecycle.launch(campaign.pk, make_user(), NOW)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.launched_at) == ("planning", NOW)
    frozen = VariantText.objects.filter(variant__campaign=campaign)
    assert frozen.count() == 2 * 2 * 2
    text = frozen[0].text
    newer = type(text).objects.create(
        template=text.template, language=text.language, version=2, current=False, body="…"
    )
    type(text).objects.filter(pk=text.pk).update(current=False)
    type(text).objects.filter(pk=newer.pk).update(current=True)
    make_patients(1)
    planning.plan(campaign.pk, NOW)
    assert not Message.objects.filter(text=newer).exists()
    lifecycle.launch(campaign.pk, make_user(), NOW + HOUR)
    campaign.refresh_from_db()
    assert campaign.launched_at == NOW and not frozen.filter(text=newer).exists()


def test_a_launch_is_handed_to_a_worker_once(django_capture_on_commit_callbacks: Any) -> None:
    campaign = make_campaign()
    with django_capture_on_commit_callbacks() as handed:
        lifecycle.submit(campaign.pk, make_user(), NOW)
        lifecycle.submit(campaign.pk, make_user(), NOW)
    assert len(handed) == 1


def test_a_campaign_with_errors_is_not_launched() -> None:
    campaign = make_campaign()
    campaign.variants.all().delete()
    with pytest.raises(NotAllowed):
        lifecycle.launch(campaign.pk, make_user(), NOW)
    assert state_of(campaign) == "draft"


def test_a_second_person_approves_what_was_submitted() -> None:
    policy(approval=True)
    campaign = make_campaign()
    author, second = make_user("author"), make_user("second")
    with pytest.raises(NotAllowed):
        lifecycle.launch(campaign.pk, author, NOW)
    assert lifecycle.submit(campaign.pk, author, NOW).state == "waiting"
    with pytest.raises(NotAllowed):
        lifecycle.approve(campaign.pk, author, NOW)
    with pytest.raises(NotAllowed):
        lifecycle.approve(campaign.pk, None, NOW)
    assert state_of(campaign) == "waiting"
    assert lifecycle.approve(campaign.pk, second, NOW).state == "planning"
    campaign.refresh_from_db()
    assert (campaign.submitted_by, campaign.approved_by) == (author, second)


def test_a_rejected_campaign_is_a_draft_again_with_a_word_why() -> None:
    policy(approval=True)
    campaign = make_campaign()
    author, second = make_user("author"), make_user("second")
    lifecycle.submit(campaign.pk, author, NOW)
    lifecycle.reject(campaign.pk, second, NOW, note="Нет срока акции")
    campaign.refresh_from_db()
    assert (campaign.state, campaign.error) == ("draft", "Нет срока акции")
    assert not VariantText.objects.exists()
    lifecycle.submit(campaign.pk, author, NOW)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.error) == ("waiting", "")
    lifecycle.reject(campaign.pk, author, NOW)  # the author takes it back
    assert state_of(campaign) == "draft"


def test_stop_cancels_what_waits_and_nothing_else() -> None:
    patients = make_patients(4)
    campaign = launch(make_campaign())
    rows = list(campaign.messages.order_by("pk"))
    Message.objects.filter(pk=rows[0].pk).update(state="sent", sent_at=NOW)
    Message.objects.filter(pk=rows[1].pk).update(state="sending", claimed_at=NOW)
    Message.objects.filter(pk=rows[2].pk).update(state="deferred", reason="quiet_hours")
    other = make_message(patients[0], state="planned")
    lifecycle.stop(campaign.pk, make_user(), NOW)
    lifecycle.stop(campaign.pk, make_user(), NOW)
    states = campaign.messages.order_by("pk").values_list("state", "reason")
    assert list(states) == [("sent", ""), ("sending", ""), ("cancelled", "stopped"), ("cancelled", "stopped")]
    other.refresh_from_db()
    assert other.state == "planned"
    assert dict(campaign.counts.values_list("state", "messages")) == {"sent": 1, "sending": 1, "cancelled": 2}


def test_failed_are_tried_again_and_a_finished_campaign_runs_again() -> None:
    make_patients(3)
    campaign = launch(make_campaign())
    first, second, third = campaign.messages.order_by("pk")
    Message.objects.filter(pk=first.pk).update(state="failed", reason="channel_failed", attempts=1, claimed_at=NOW)
    Message.objects.filter(pk=second.pk).update(state="unknown", reason="interrupted", claimed_at=NOW)
    Message.objects.filter(pk=third.pk).update(state="sent", sent_at=NOW)
    counts.refresh(campaign.pk, NOW)
    assert state_of(campaign) == "finished"
    later = NOW + HOUR
    assert lifecycle.retry_failed(campaign.pk, make_user(), later).state == "running"
    first.refresh_from_db()
    assert (first.state, first.reason, first.due_at, first.attempts) == ("planned", "", later, 0)
    second.refresh_from_db()
    assert second.state == "unknown"  # that needs a word of its own
    assert lifecycle.retry_failed(campaign.pk, make_user(), later + HOUR).state == "running"
    first.refresh_from_db()
    assert first.due_at == later
    lifecycle.release_unknown(campaign.pk, make_user(), later)
    second.refresh_from_db()
    assert second.state == "planned"


def test_nothing_failed_leaves_a_finished_campaign_finished() -> None:
    campaign = launch(make_campaign())
    assert campaign.state == "finished"
    assert lifecycle.retry_failed(campaign.pk, make_user(), NOW).state == "finished"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("button", "before", "after"), [("pause", "running", "paused"), ("stop", "paused", "stopped"),
                                                        ("launch", "draft", "planning")])  # fmt: skip
def test_two_people_press_at_once(button: str, before: str, after: str) -> None:
    campaign = make_campaign(state=before)
    users = [make_user("one"), make_user("two")]
    together, errors = threading.Barrier(2), []

    def press(user: Any) -> None:
        together.wait()
        try:
            assert getattr(lifecycle, button)(campaign.pk, user, NOW).state == after
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert state_of(campaign) == after
    assert VariantText.objects.count() == (1 if button == "launch" else 0)

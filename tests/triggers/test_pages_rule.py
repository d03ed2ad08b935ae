"""The page of a rule and the people behind its numbers."""

import datetime as dt
import zoneinfo
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import formats, timezone, translation

from campaigns.models import Message
from tests.campaigns.making import make_branch, make_patients
from tests.triggers.making import make_rule, make_step
from tests.triggers.test_pages_counts import ladder
from tests.triggers.test_pages_map import counted, reader, result, text_of
from triggers.models import Firing, TriggerRule
from triggers.reports import rule_page
from triggers.selectors import counts, firings
from triggers.services import counting

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = dt.timedelta(days=1)


def page(rule: TriggerRule, role: str = "marketer", query: str = "") -> str:
    return text_of(reader(role), reverse("trigger", args=[rule.pk]) + query)


def people(rule: TriggerRule, query: str = "", client: Client | None = None) -> str:
    return text_of(client or reader("marketer"), reverse("trigger_firings", args=[rule.pk]) + query)


@pytest.fixture
def rule() -> TriggerRule:
    """Five occasions: sent and sent, no consent, hold-out, too soon, still going on."""
    made = make_rule("birthday", [make_step(-3), make_step(0)], name="One", name_en="One", holdout_percent=10)
    sent = ("planned", "sent", "")
    fates = {
        "done": [sent, sent], "holdout": [("skipped", "", "holdout")] * 2,
        "cooldown": [("skipped", "", "cooldown")] * 2,
        "open": [sent, ("waiting", "", "")],
    }  # fmt: skip
    for number, (state, steps) in enumerate(fates.items()):
        (patient,) = make_patients(1, last_name=f"Person{number}")
        ladder(made, patient, NOW - 4 * DAY if state != "open" else NOW - DAY, state, steps)
    (refused,) = make_patients(1, last_name="Refused")
    ladder(made, refused, NOW - 4 * DAY, "done", [("planned", "suppressed", "no_consent")] * 2)
    counting.refresh(NOW)
    return made


# --- Who is refused ---------------------------------------------------------------------------------------------
def test_people_are_shown_only_to_those_who_may_see_firings_and_patients(rule: TriggerRule) -> None:
    from django.contrib.auth.models import Permission, User

    user = User.objects.create_user("half")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_triggerrule", "view_firing"]))
    client = Client()
    client.force_login(user)
    assert client.get(reverse("trigger_firings", args=[rule.pk])).status_code == 403
    shown = text_of(client, reverse("trigger", args=[rule.pk]))
    assert reverse("trigger_firings", args=[rule.pk]) not in shown
    assert "What the rule has brought" not in shown and "result-line" not in shown


def test_a_rule_that_is_not_there_is_not_found() -> None:
    client = reader("marketer")
    for name in ("trigger", "trigger_firings"):
        assert client.get(reverse(name, args=[987654])).status_code == 404


# --- The page ---------------------------------------------------------------------------------------------------
def test_it_says_what_the_rule_looks_for_and_when_each_message_goes(rule: TriggerRule) -> None:
    shown = page(rule)
    assert shown.index("3 days before") < shown.index("on the same day")
    assert "Hold-out" in shown and "10%" in shown.replace("\u2009", "").replace("\xa0", "").replace(" %", "%")
    assert reverse("backtest_new", args=[rule.pk]) in shown


def test_occasions_add_up_and_lead_to_the_people(rule: TriggerRule) -> None:
    shown = page(rule)
    assert "5 occasions found" in shown
    for state, number in (("done", 2), ("open", 1), ("holdout", 1), ("cooldown", 1)):
        address = f"{reverse('trigger_firings', args=[rule.pk])}?state={state}&amp;period=30"
        part = shown[shown.index(address) :]
        assert f'<span class="part-number">{number} ' in part[: part.index("</li>")]


def test_why_not_counts_messages_and_leaves_the_hold_out_aside(rule: TriggerRule) -> None:
    shown = page(rule)
    card = shown[shown.index('id="why-not"') : shown.index('id="ladder"')]
    assert "Has not agreed to advertising" in card and "Too soon after the last messages" in card
    assert "reason=holdout" not in card
    assert '<span class="part-number">2 ' in card


def test_what_was_not_sent_is_one_number_on_the_whole_page(rule: TriggerRule) -> None:
    """Two refused and two too soon; the two turns of the hold-out stand in a column of their own."""
    volume = counts.volumes(timezone.localdate() - 30 * DAY)[rule.pk]
    assert (volume.left_out, volume.held_out) == (4, 2)
    assert sum(line.number for line in rule_page.why_not(volume, rule.purpose)) == volume.left_out
    lines = rule_page.step_lines(list(rule.steps.all()), volume)
    assert [(line.tally.left_out, line.tally.held_out) for line in lines] == [(2, 1), (2, 1)]
    days = counts.days(rule.pk, timezone.localdate() - 30 * DAY, timezone.localdate())
    assert (sum(day.left_out for day in days), sum(day.held_out for day in days)) == (4, 2)
    assert 'data-label="Hold-out">1</td>' in page(rule)


def test_a_call_is_not_delivered_or_clicked() -> None:
    rule = make_rule("birthday", [make_step(0, channels=["call"])])
    counted(rule, 5)
    counted(rule, 5, kind="step", state="sent", step=rule.steps.get())
    assert '<td class="is-number" data-label="Delivered">—</td>' in page(rule)


def test_the_ladder_is_a_file_and_so_are_the_days(rule: TriggerRule) -> None:
    client: Any = reader("owner")
    url = reverse("trigger", args=[rule.pk])
    rows = b"".join(client.get(url, {"download": "ladder", "format": "csv"}).streaming_content).decode("utf-8-sig")
    first, second = rows.splitlines()[1:3]
    assert ("3 days before" in first, "on the same day" in second) == (True, True)
    days = b"".join(client.get(url, {"download": "days", "format": "csv"}).streaming_content).decode("utf-8-sig")
    assert len(days.splitlines()) == 1 + 30 + 2  # the last message to come falls due the day after tomorrow
    assert client.get(url, {"download": "days", "format": "exe"}).status_code == 404


def test_a_gain_is_said_with_its_interval(rule: TriggerRule) -> None:
    result(rule, "treated", 2000, 600)
    result(rule, "holdout", 400, 60)
    shown = page(rule)
    assert "30.0% came against 15.0% without a message" in shown.replace("\xa0", "").replace("\u202f", "").replace(
        " %", "%"
    )
    assert "this can be believed." in shown and "is-gain" in shown


def test_few_people_are_called_a_small_sample_and_told_when_there_will_be_enough(rule: TriggerRule) -> None:
    result(rule, "treated", 60, 15)
    result(rule, "holdout", 12, 2)
    shown = page(rule)
    assert "Only 12 patients in the smaller group: treat with care." in shown
    assert "too few to tell" in shown and "At today's pace" in shown.replace("&#x27;", "'")


def test_without_a_hold_out_nothing_is_proven(rule: TriggerRule) -> None:
    TriggerRule.objects.update(holdout_percent=0)
    result(rule, "treated", 60, 15)
    assert "nothing is proven" in page(rule)


def test_a_rule_that_is_off_and_a_rule_that_waits_say_what_to_do() -> None:
    assert "Ask the past first" in page(make_rule("birthday", on=None))
    assert "Nobody has been found in this period" in page(make_rule("birthday"))


def test_the_period_of_the_address_counts() -> None:
    rule = make_rule("birthday")
    counted(rule, 40, day=timezone.localdate() - 60 * DAY)
    assert "Nobody has been found" in page(rule)
    assert "40 occasions found" in page(rule, query="?period=90")
    assert "Nobody has been found" in page(rule, query="?period=7000")


def test_a_failed_look_is_told() -> None:
    rule = make_rule("birthday")
    TriggerRule.objects.filter(pk=rule.pk).update(error="DataError")
    assert "DataError" in page(rule)


def test_steps_retired_since_keep_their_numbers() -> None:
    rule = make_rule("birthday", [make_step(-3), make_step(0)])
    old = rule.steps.get(position=1)
    counted(rule, 5)
    counted(rule, 5, kind="step", state="sent", step=old)
    old.retired_at = NOW
    old.save()
    assert "an earlier ladder" in page(rule)


def test_results_without_a_hold_out_or_a_target_say_nothing_twice(rule: TriggerRule) -> None:
    result(rule, "treated", 60, 15)
    assert 'id="groups"' not in page(rule)
    result(rule, "holdout", 40, 5)
    groups = page(rule).split('id="groups"')[1]
    assert "For the goal" not in groups.split("</section>")[0]


# --- The people -------------------------------------------------------------------------------------------------
def test_people_are_listed_with_what_became_of_every_message(rule: TriggerRule) -> None:
    shown = people(rule)
    for name in ("Person0", "Person1", "Person2", "Person3", "Refused"):
        assert name in shown
    assert "not sent: has not agreed to advertising" in shown
    assert "skipped: belongs to the hold-out" in shown


def test_times_are_those_of_the_branch(rule: TriggerRule) -> None:
    far = make_branch("Novosibirsk", "Asia/Novosibirsk")
    Firing.objects.update(branch=far)
    at = Firing.objects.get(state="open").first_due.astimezone(zoneinfo.ZoneInfo("Asia/Novosibirsk"))
    with translation.override("en"):
        said = formats.date_format(at, "SHORT_DATETIME_FORMAT")
    assert f">{said}</time>" in people(rule)


@pytest.mark.parametrize(
    ("reason", "said"),
    [("quiet_hours", "waits for the morning"), ("daily_limit", "waits for the next day"), ("", "is on its way")],
)
def test_a_ladder_that_is_decided_says_that_its_last_message_still_waits(reason: str, said: str) -> None:
    rule = make_rule("birthday")
    (patient,) = make_patients(1)
    ladder(rule, patient, NOW - DAY, "done", [("planned", "planned", reason)])
    assert f"Decided; the last message {said}" in people(rule)
    Message.objects.update(state="sent", sent_at=NOW)
    shown = people(rule)
    assert "Decided;" not in shown and "Ended" in shown


def test_a_state_and_a_reason_narrow_the_list(rule: TriggerRule) -> None:
    client = reader("marketer")

    def names(query: str) -> set[str]:
        shown = people(rule, query, client)
        return {name for name in ("Person0", "Person1", "Person2", "Person3", "Refused") if name in shown}

    assert names("?state=holdout") == {"Person1"}
    assert names("?reason=no_consent") == {"Refused"}
    assert names("?reason=cooldown&period=90") == {"Person2"}
    assert names("?reason=made_up&state=made_up&after=x&before=%00") == {
        "Person0", "Person1", "Person2", "Person3", "Refused"
    }  # fmt: skip


def test_the_list_is_paged_by_key_there_and_back(rule: TriggerRule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firings, "PAGE", 2)
    rows = firings.found(rule, firings.FiringFilter(), NOW - 30 * DAY)
    seen, after = [], None
    while True:
        found = firings.page(rows, after, None)
        seen += [firing.pk for firing in found.rows]
        if not found.after:
            break
        after = found.after
    assert len(seen) == len(set(seen)) == 5
    back = firings.page(rows, None, found.before)
    assert [firing.pk for firing in back.rows] == seen[2:4]


def test_erased_rows_of_the_ledger_do_not_break_the_pages(rule: TriggerRule) -> None:
    Message.objects.all().delete()
    counting.refresh(NOW)
    assert "the card was deleted or merged" in page(rule).casefold()
    people(rule)

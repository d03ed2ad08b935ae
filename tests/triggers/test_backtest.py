"""Back-tests: figures that add up and can be computed again by hand, the pages, the command, two workers at once."""

import datetime
import json
import random
from collections import defaultdict
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import translation

from campaigns.attribution import Group, Verdict, share_difference
from campaigns.models import ChannelAccount
from patients.models import Consent, Patient, Visit
from tests.campaigns.making import make_patients, make_user, make_visit, policy
from tests.triggers.making import make_rule, make_step
from triggers.models import Backtest, Firing, RuleResult, TriggerRule
from triggers.reports import backtest, backtest_words
from triggers.selectors import rule_results
from triggers.services.backtest import asking, run
from triggers.timing.imagined import Caps, Outcome, Places, Turn, lived

DAY = datetime.timedelta(days=1)
FIRST, LAST = datetime.date(2026, 3, 2), datetime.date(2026, 3, 31)
NOW = datetime.datetime(2026, 6, 1, 9, tzinfo=datetime.UTC)
ALL = ("triggers.view_backtest", "triggers.add_backtest", "patients.view_patient")


def noon(day: int) -> datetime.datetime:
    return datetime.datetime(2026, 3, day, 9, tzinfo=datetime.UTC)


def story(**fields: Any) -> TriggerRule:
    """Four missed appointments on 10 March. Anna came again on the 12th, Boris never agreed, Vera has no address, and
    Galina is written to twice: the day after and three days after."""
    anna, boris, vera, galina = make_patients(4)
    for patient in (anna, boris, vera, galina):
        make_visit(patient, noon(10), "no_show")
    make_visit(anna, noon(12), "completed")
    Consent.objects.filter(patient=boris).delete()
    Patient.objects.filter(pk=vera.pk).update(email="", phone="")
    ChannelAccount.objects.update_or_create(channel="email", defaults={"price": "0.50"})
    steps = [make_step(1, channels=["email"]), make_step(3, channels=["email"])]
    return make_rule("no_show", steps, on=None, **{"goal": "visit", "cooldown_days": 0, **fields})


@pytest.mark.django_db
def test_figures_are_those_of_a_pencil() -> None:
    found = run(story(), FIRST, LAST, now=NOW)
    assert (found["occasions"], found["ladders"], found["due"]) == (4, 4, 8)
    # Anna gets the first message and has come before the second; Galina gets both.
    assert found["messages"] == 3
    assert (found["not_needed"], found["steps"][1]["came"], found["steps"][1]["booked"]) == (1, 1, 0)
    assert found["reasons"] == {"no_address": 2, "no_consent": 2}
    assert found["cost"] == "1.50"
    assert [row[::2] for row in found["load"]] == [["2026-03-11", 2], ["2026-03-13", 1]]
    assert found["expected"]["source"] == "assumed"
    assert found["expected"]["people"] == {"n": 2, "ended": 2, "came": 1, "visits": 1, "money": 0.0}
    assert found["expected"]["visits"] == [None, 0.15, 0.2]


@pytest.mark.django_db
def test_nothing_is_left_behind_and_nothing_is_written() -> None:
    run(story(), FIRST, LAST, now=NOW)
    assert not Firing.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'backtest%%' AND relpersistence = 't'")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_with_hold_outs_the_expected_is_their_difference_and_says_for_how_long() -> None:
    rule = story()
    treated = {"n": 400, "came": 120, "visits": 130, "paid": 0, "money": 0, "money2": 0, "cost": 0}
    holdout = {"n": 100, "came": 15, "visits": 16, "paid": 0, "money": 0, "money2": 0, "cost": 0}
    for group, figures in (("treated", treated), ("holdout", holdout)):
        RuleResult.objects.create(
            rule=rule, as_of=datetime.date(2026, 5, 25), group=group, figures={**figures, "complete": figures}
        )
    Firing.objects.create(
        rule=rule, patient=make_patients(1)[0], occasion="x", anchor_at=noon(2), since=noon(2), first_due=noon(2),
        found_at=noon(2), state="done", closed_at=noon(3),
    )  # fmt: skip
    expected = run(rule, FIRST, LAST, now=NOW)["expected"]
    by_hand = share_difference(Group(n=400, came=120), Group(n=100, came=15), 0.99).times(2)
    assert expected["source"] == "measured"
    assert expected["visits"] == [round(bound, 2) for bound in (by_hand.value, by_hand.low, by_hand.high)]
    assert expected["weeks"] == 12  # 2 March to 25 May
    of_the_page = rule_results.report(rule).whole
    assert expected["verdict"] == of_the_page.verdict == Verdict.GAIN


@pytest.mark.parametrize(
    ("verdict", "share", "said", "never"),
    [
        ("gain", (0.15, 0.06, 0.22), "+300 returns (from +120 to +440) because of it", "Nothing is promised"),
        ("harm", (-0.15, -0.22, -0.06), "did harm so far, and this can be believed: −300 returns", "because"),
        ("not_shown", (-0.15, -0.28, 0.01), "This may be chance, the interval holds zero. Nothing is", "because of it"),
        ("not_shown", (-0.15, -0.28, -0.01), "stricter test does not confirm it. Nothing is promised", "holds zero."),
        ("small", (0.15, -0.28, 0.41), "Too few have been compared to tell it from chance. Nothing", "because of it"),
    ],
)  # fmt: skip
def test_what_is_not_proven_promises_nothing(
    verdict: str, share: tuple[float, float, float], said: str, never: str
) -> None:
    expected = {
        "source": "measured", "verdict": verdict, "share": share, "visits": [2000 * bound for bound in share],
        "people": {"n": 2000}, "weeks": 12,
    }  # fmt: skip
    with translation.override("en"):
        words = backtest_words.expected({"expected": expected})
    assert said in words and never not in words and "measured against its own hold-out over 12 weeks" in words


@pytest.mark.django_db
def test_the_columns_of_both_tables_say_the_same_and_a_column_of_nothing_is_left_out() -> None:
    found = run(story(), FIRST, datetime.date(2026, 3, 11), now=noon(12))
    steps, anyway = backtest.ladder(found), backtest.came_anyway(found)
    assert [row[3] for row in steps.rows] == [row[1] for row in anyway.rows]
    for _name, every, ahead, came, not_needed, cannot, written, _share, _cost in steps.rows:
        assert (every, came) == (ahead + came, not_needed + cannot + written)
    assert all(len(row) == len(anyway.columns) for row in anyway.rows)
    with_booked = {**found, "steps": [{**step, "booked": 1} for step in found["steps"]]}
    nobody_booked = {**found, "steps": [{**step, "booked": 0} for step in found["steps"]]}
    assert len(backtest.came_anyway(with_booked).columns) == len(backtest.came_anyway(nobody_booked).columns) + 1


@pytest.mark.django_db
def test_people_windows_and_ladders_are_told_apart() -> None:
    found = run(story(), FIRST, LAST, now=NOW)
    with translation.override("en"):
        first, second, *_others = backtest_words.recount(found, 30)
    assert "would have gone to 2 patients on 2 ladders" in first and first.endswith("one window: 2 windows.")
    assert second.startswith("In 1 of the 2 windows")


@pytest.mark.django_db
def test_messages_due_after_now_lie_ahead() -> None:
    found = run(story(), FIRST, datetime.date(2026, 3, 11), now=noon(12))
    assert (found["due"], found["ahead"], found["messages"]) == (8, 4, 2)


@pytest.mark.django_db
def test_an_empty_base_has_an_answer() -> None:
    found = run(make_rule("no_show", on=None), FIRST, LAST, now=NOW)
    assert (found["occasions"], found["messages"], found["load"], found["people"]) == (0, 0, [], [])


@pytest.mark.django_db
def test_strangers_and_readers_without_the_right_are_refused(client: Client) -> None:
    rule = story()
    addresses = [
        reverse("backtest_new", args=[rule.pk]),
        reverse("backtest", args=[1]),
        reverse("backtest_csv", args=[1]),
    ]
    assert all(client.get(address).status_code == 302 for address in addresses)
    client.force_login(_user("nobody", "patients.view_patient"))
    assert all(client.get(address).status_code == 403 for address in addresses)
    client.force_login(_user("reader", "triggers.view_backtest"))
    assert client.post(addresses[0], {"first_day": FIRST, "last_day": LAST}).status_code == 403
    assert not Backtest.objects.exists()


@pytest.mark.django_db
def test_it_is_asked_for_counted_and_read(client: Client) -> None:
    rule = story()
    client.force_login(_user("marketer", *ALL))
    asked = {"first_day": "2026-03-02", "last_day": "2026-03-31"}
    answer = client.post(reverse("backtest_new", args=[rule.pk]), asked)
    found = Backtest.objects.get()
    assert answer.url == reverse("backtest", args=[found.pk])
    assert client.post(reverse("backtest_new", args=[rule.pk]), asked).url == answer.url  # asked twice, it is one
    waiting = client.get(answer.url).content.decode()
    assert reverse("backtest_progress", args=[found.pk]) in waiting
    assert asking.count(found.pk, NOW)
    assert not asking.count(found.pk, NOW)  # the message comes twice
    assert client.get(reverse("backtest_progress", args=[found.pk]))["HX-Refresh"] == "true"
    with _queries() as queries:
        page = client.get(answer.url).content.decode()
    assert len(queries) < 30
    assert "Иванова" in page
    table = b"".join(client.get(reverse("backtest_csv", args=[found.pk])).streaming_content).decode("utf-8-sig")
    assert [line.split(";")[-1] for line in table.split()[-2:]] == ["2", "1"]
    rule.steps.update(useful_hours=7)
    assert "alert-warning" in client.get(answer.url).content.decode()


@pytest.mark.django_db
def test_names_are_shown_only_to_those_who_may_see_patients(client: Client) -> None:
    found = asking.ask(story(), FIRST, LAST, None, NOW)
    asking.count(found.pk, NOW)
    client.force_login(_user("reader", "triggers.view_backtest"))
    assert "Иванова" not in client.get(reverse("backtest", args=[found.pk])).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "first, last",
    [
        ("2026-03-31", "2026-03-02"),
        ("2026-03-01", "2999-01-01"),
        ("2020-01-01", "2024-01-01"),
        ("0001-01-01", "0001-01-02"),
        ("", "x"),
    ],
)
def test_days_that_cannot_be_asked_for_are_told(client: Client, first: str, last: str) -> None:
    client.force_login(_user("marketer", *ALL))
    answer = client.post(reverse("backtest_new", args=[story().pk]), {"first_day": first, "last_day": last})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()


@pytest.mark.django_db
def test_one_that_fails_says_so_and_can_be_asked_again(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    rule = story()
    found = asking.ask(rule, FIRST, LAST, None, NOW)
    TriggerRule.objects.filter(pk=rule.pk).update(rule_type="gone")
    assert asking.count(found.pk, NOW)
    found.refresh_from_db()
    assert (found.state, found.error) == ("failed", "KeyError")
    TriggerRule.objects.filter(pk=rule.pk).update(rule_type="no_show")
    assert asking.ask(rule, FIRST, LAST, None, NOW).pk != found.pk


@pytest.mark.django_db
def test_the_command_prints_the_same_figures() -> None:
    rule = story()
    said = StringIO()
    days = ("--from", "2026-03-02", "--to", "2026-03-31")
    call_command("backtest", rule.code, *days, "--now", NOW.isoformat(), "--json", stdout=said)
    assert json.loads(said.getvalue())["messages"] == 3
    words = StringIO()
    call_command("backtest", str(rule.pk), "--from", "2026-03-02", "--to", "2026-03-31", stdout=words)
    assert "0,50" in words.getvalue()
    with pytest.raises(CommandError):
        call_command("backtest", "nothing", "--from", "2026-03-02", "--to", "2026-03-31")


@pytest.mark.django_db
def test_what_others_sent_counts_for_the_cap() -> None:
    from tests.campaigns.making import make_message

    policy(cap_messages=1, cap_days=7)
    rule = story()
    galina = Visit.objects.filter(status="no_show").order_by("-patient").first()
    make_message(galina.patient, at=noon(9))
    found = run(rule, FIRST, LAST, now=NOW)
    assert found["reasons"]["cap_person"] == 2
    assert found["messages"] == 1


@pytest.mark.parametrize("seed", range(20))
def test_caps_hold_in_every_stretch_and_refuse_nothing_that_fits(seed: int) -> None:
    chance = random.Random(seed)
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    turns = []
    for number in range(120):
        at = start + chance.randrange(24 * 40) * datetime.timedelta(hours=1)
        turns.append(Turn(number, number, 1, at, at, at + DAY, 0, "UTC", chance.randrange(5), chance.randrange(7)))
    known = {0: [start + 20 * DAY, start + 21 * DAY]}
    answer = lived(turns, Caps(2, 7, known, {}), None, start + 90 * DAY)
    sent: dict[tuple[str, int], list[datetime.datetime]] = defaultdict(list)
    for key, times in known.items():
        sent["reader", key] += times
    for turn in sorted(turns, key=lambda one: (one.due_at, one.id)):
        keys = (("reader", turn.reader), ("address", turn.address or 0))
        fits = all(_fits([*sent[key], turn.goes_at], turn.goes_at) for key in keys)
        assert (answer[turn.id].fate == "written") is fits
        if fits:
            for key in keys:
                sent[key].append(turn.goes_at)


def _fits(times: list[datetime.datetime], at: datetime.datetime) -> bool:
    """No stretch of seven days that ends at `at` or later holds more than two."""
    return all(sum(end - 7 * DAY < time <= end for time in times) <= 2 for end in times if end >= at)


def test_who_finds_no_place_waits_for_the_next_midnight_while_it_is_of_use() -> None:
    ten = datetime.datetime(2026, 3, 2, 7, tzinfo=datetime.UTC)  # ten in Moscow
    turns = [
        Turn(n, n, 1, ten, ten, ten + 30 * datetime.timedelta(hours=1), 5, "Europe/Moscow", n, None) for n in range(4)
    ]
    nine = datetime.timedelta(hours=9)
    places = Places(lambda _branch, _day: 1, lambda moment, _zone: moment + nine, lambda ids, _moment: {3} & set(ids))
    answer = lived(turns, None, places, ten + 9 * DAY)
    next_day = datetime.datetime(2026, 3, 3, 6, tzinfo=datetime.UTC)
    assert answer[0] == Outcome("written", ten)
    assert answer[1] == Outcome("written", next_day)
    assert (answer[2].fate, answer[3].fate) == ("late", "goal_met")


def _user(name: str, *permissions: str) -> Any:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    user = make_user(name)
    wanted = [permission.split(".") for permission in permissions]
    user.user_permissions.set(
        [Permission.objects.get(content_type__app_label=app, codename=code) for app, code in wanted]
    )
    return get_user_model().objects.get(pk=user.pk)


def _queries() -> Any:
    from django.test.utils import CaptureQueriesContext

    return CaptureQueriesContext(connection)


@pytest.mark.django_db
def test_of_a_rule_whose_services_nobody_has_chosen_the_past_cannot_be_asked(client: Client) -> None:
    rule = story()
    TriggerRule.objects.filter(pk=rule.pk).update(params={"choose": ["гигиена"]})
    client.force_login(_user("asker", *ALL))
    address, days = reverse("backtest_new", args=[rule.pk]), {"first_day": FIRST, "last_day": LAST}
    shown = client.get(address).content.decode()
    assert "гигиена" in shown and 'name="first_day"' not in shown
    answer = client.post(address, days)
    assert answer.status_code == 422 and "гигиена" in answer.content.decode()
    assert not Backtest.objects.exists()
    with pytest.raises(CommandError, match="гигиена"):
        call_command("backtest", str(rule.pk), "--from", str(FIRST), "--to", str(LAST))

"""The communication map: who is refused, what stands where, filters, files, queries; the menu and the search."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clinic_crm.context_processors import _MENU
from clinic_crm.roles import sync_roles
from tests.triggers.making import make_rule, make_step
from triggers.models import RuleCount, RuleResult, TriggerRule

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()


def reader(role: str, language: str = "en") -> Client:
    sync_roles()
    user, _created = User.objects.get_or_create(username=f"the-{role}", is_staff=role == "administrator")
    user.groups.set([Group.objects.get(name=role)])
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = language
    return client


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def counted(rule: TriggerRule, number: int, *, kind: str = "firing", state: str = "open", **fields: Any) -> None:
    RuleCount.objects.create(rule=rule, day=fields.pop("day", TODAY), kind=kind, state=state, number=number, **fields)


def result(rule: TriggerRule, group: str, n: int, came: int) -> None:
    sums = {"n": n, "came": came, "visits": came, "paid": came, "money": came * 1000.0, "money2": came * 1e6, "cost": 0}
    RuleResult.objects.create(rule=rule, as_of=TODAY, group=group, figures={**sums, "complete": sums, "recent": 28})


# --- Who is refused ---------------------------------------------------------------------------------------------
def test_strangers_are_sent_to_the_login_page() -> None:
    rule = make_rule("birthday")
    for url in (reverse("triggers"), reverse("trigger", args=[rule.pk]), reverse("trigger_firings", args=[rule.pk])):
        answer: Any = Client().get(url)
        assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("login"))


def test_a_user_without_the_permission_is_refused() -> None:
    rule = make_rule("birthday")
    client = Client()
    client.force_login(User.objects.create_user("nobody"))
    for url in (reverse("triggers"), reverse("trigger", args=[rule.pk]), reverse("trigger_firings", args=[rule.pk])):
        assert client.get(url).status_code == 403


@pytest.mark.parametrize("role", ["administrator", "marketer", "manager", "owner"])
def test_every_role_sees_the_map_and_only_the_administrator_edits(role: str) -> None:
    rule = make_rule("birthday")
    client = reader(role)
    pages = text_of(client, reverse("triggers")) + text_of(client, reverse("trigger", args=[rule.pk]))
    links = ("triggers_triggerrule_add", "triggers_triggerrule_change", "triggers_triggerrule_switch")
    shown = [
        reverse(f"admin:{name}", args=[] if name.endswith("add") else [rule.pk]) in pages for name in links
    ]  # fmt: skip
    assert shown == [role == "administrator"] * 3


def test_nothing_is_changed_by_posting() -> None:
    rule = make_rule("birthday")
    client = reader("administrator")
    for url in (reverse("triggers"), reverse("trigger", args=[rule.pk]), reverse("trigger_firings", args=[rule.pk])):
        assert client.post(url).status_code == 405


# --- The menu ---------------------------------------------------------------------------------------------------
def test_the_side_menu_has_seven_entries_and_the_settings_are_in_the_readers_menu() -> None:
    make_rule("birthday")
    page = text_of(reader("administrator"), reverse("triggers"))
    aside, rest = page.split("</nav>", 1)
    entries = re.findall(r'class="sidebar-link"', aside)
    assert len(entries) == len(_MENU) <= 7
    assert f'href="{reverse("triggers")}" class="sidebar-link" aria-current="page"' in aside
    assert reverse("admin:index") not in aside.replace(reverse("admin:index") + "t", "")
    assert f'<a class="dropdown-item" href="{reverse("admin:index")}">' in rest.split("</header>", 1)[0]


def test_settings_are_not_offered_to_those_who_may_not_open_them() -> None:
    page = text_of(reader("marketer"), reverse("triggers"))
    assert f'href="{reverse("admin:index")}"' not in page


# --- What stands where ------------------------------------------------------------------------------------------
def test_a_rule_stands_on_its_part_of_the_path_with_its_messages_in_order() -> None:
    make_rule("birthday", [make_step(-7), make_step(0, channels=["sms", "call"])], name="Birthday", name_en="Birthday")
    make_rule("appointment_reminder", [make_step(-2, "hour")], name="Reminder", name_en="Reminder")
    page = text_of(reader("marketer"), reverse("triggers"))
    column = page[page.index('id="stage-before"') : page.index('id="stage-after"')]
    assert "Reminder" in column and "2 hours before" in column and "Birthday" not in column
    beside = page[page.index('id="stage-personal"') :]
    assert beside.index("7 days before") < beside.index("on the same day")
    assert "ti-message" in beside and "ti-phone" in beside


def test_a_card_tells_the_volume_of_thirty_days_and_the_result() -> None:
    rule = make_rule("birthday", holdout_percent=10)
    step = rule.steps.get()
    counted(rule, 40)
    counted(rule, 7, day=TODAY - dt.timedelta(days=31))
    counted(rule, 33, kind="step", state="sent", step=step)
    counted(rule, 2, kind="step", state="suppressed", reason="no_consent", step=step)
    result(rule, "treated", 2000, 600)
    result(rule, "holdout", 400, 60)
    page = text_of(reader("owner"), reverse("triggers"))
    assert "40 occasions, 33 sent" in page
    assert "+15.0 pp" in page and "visits gained, proven" in page
    assert "1 rule is on. Within 30 days they found 40 occasions and sent 33 messages." in page


def test_a_hold_out_of_few_says_that_it_is_too_few() -> None:
    rule = make_rule("birthday", holdout_percent=10)
    result(rule, "treated", 20, 6)
    result(rule, "holdout", 3, 1)
    assert "too few to tell" in text_of(reader("owner"), reverse("triggers"))


def test_filters_of_the_address_narrow_the_map() -> None:
    make_rule("birthday", name="One", name_en="One")
    make_rule("birthday", [make_step(channels=["call"])], on=None, name="Two", name_en="Two")
    client = reader("marketer")

    def shown(query: str) -> list[str]:
        page = text_of(client, f"{reverse('triggers')}?{query}")
        return [name for name in ("One", "Two") if f">{name}</a>" in page]

    assert shown("") == ["One", "Two"]
    assert shown("state=on") == ["One"]
    assert shown("state=off") == ["Two"]
    assert shown("channel=call") == ["Two"]
    assert shown("stage=lapse") == []
    assert shown("purpose=service") == []
    assert shown("state=nonsense&stage=%00&channel=x") == ["One", "Two"]


def test_archived_rules_are_shown_when_asked_for() -> None:
    make_rule("birthday", on=None, name="Old", name_en="Old", archived_at=timezone.now())
    client = reader("marketer")
    assert "Old" not in text_of(client, reverse("triggers"))
    assert "Old" in text_of(client, reverse("triggers") + "?state=archived")


def test_without_rules_the_page_says_what_to_do_first() -> None:
    TriggerRule.objects.all().delete()
    assert reverse("admin:triggers_triggerrule_add") in text_of(reader("administrator"), reverse("triggers"))
    owner = text_of(reader("owner"), reverse("triggers"))
    assert "Rules are made by the administrator" in owner and "/admin/" not in owner


def test_a_rule_of_a_type_that_is_no_more_still_has_its_place() -> None:
    rule = make_rule("birthday", name="Ancient", name_en="Ancient")
    TriggerRule.objects.filter(pk=rule.pk).update(rule_type="bygone")
    client = reader("marketer")
    assert "Ancient" in text_of(client, reverse("triggers"))
    assert "bygone" in text_of(client, reverse("trigger", args=[rule.pk]))


def test_the_table_is_a_file_too() -> None:
    rule = make_rule("birthday", name="One", name_en="One")
    counted(rule, 40)
    answer: Any = reader("owner").get(reverse("triggers"), {"download": "rules", "format": "csv"})
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "One" in body and "40" in body
    assert reader("owner").get(reverse("triggers"), {"download": "other", "format": "csv"}).status_code == 404


def test_more_rules_take_no_more_queries() -> None:
    client = reader("marketer")

    def queries() -> int:
        client.get(reverse("triggers"))
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("triggers"))
        return len(found)

    make_rule("birthday")
    one = queries()
    for _ in range(4):
        rule = make_rule("birthday")
        counted(rule, 3)
        result(rule, "treated", 5, 1)
    assert queries() <= one + 1


# --- Search and first page --------------------------------------------------------------------------------------
def test_the_search_finds_a_rule_by_its_name_in_either_language() -> None:
    rule = make_rule("birthday", name="Поздравление", name_en="Greeting")
    for language in ("ru", "en"):
        for words in ("поздравл", "GREET"):
            hits = reader("marketer", language).post(
                reverse("search"), {"q": words}, headers={"HX-Request": "true"}
            ).content.decode()  # fmt: skip
            assert reverse("trigger", args=[rule.pk]) in hits


def test_the_search_still_finds_the_settings_for_the_administrator_alone() -> None:
    def hits(role: str) -> str:
        return reader(role).post(reverse("search"), {"q": "settings"}, headers={"HX-Request": "true"}).content.decode()

    assert reverse("admin:index") in hits("administrator")
    assert reverse("admin:index") not in hits("marketer")

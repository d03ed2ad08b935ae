"""The rules on the card of a patient: who is refused, what is to come, what was decided and why."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Message
from patients.models import Patient
from segmentation.models import Segment, Segmentation
from tests.campaigns.making import make_branch, make_patients, make_visit
from tests.triggers.making import make_rule, make_step
from tests.triggers.test_pages_counts import ladder
from tests.triggers.test_pages_map import reader, text_of
from triggers.selectors import of_patient
from triggers.services import counting

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = dt.timedelta(days=1)


@pytest.fixture
def anna() -> Patient:
    return make_patients(1, birth_date=dt.date(1985, 5, 17))[0]


def rules(patient: Patient, role: str = "manager") -> str:
    return text_of(reader(role), reverse("patient-rules", args=[patient.pk]))


# --- Who is refused ---------------------------------------------------------------------------------------------
def test_strangers_and_those_without_the_permissions_are_refused(anna: Patient) -> None:
    rule = make_rule("birthday")
    user = User.objects.create_user("half")
    user.user_permissions.set(Permission.objects.filter(codename="view_patient"))
    half = Client()
    half.force_login(user)
    for url in (reverse("patient-rules", args=[anna.pk]), reverse("patient-rule", args=[anna.pk, rule.pk])):
        assert Client().get(url).status_code == 302
        assert half.get(url).status_code == 403
    assert reverse("patient-rules", args=[anna.pk]) not in text_of(half, reverse("patient", args=[anna.pk]))


@pytest.mark.parametrize("role", ["administrator", "marketer", "manager", "owner"])
def test_every_role_may_see_why(anna: Patient, role: str) -> None:
    make_rule("birthday")
    assert reverse("patient-rules", args=[anna.pk]) in text_of(reader(role), reverse("patient", args=[anna.pk]))
    assert "Triggers: why, and why not" in rules(anna, role)


def test_a_patient_or_a_rule_that_is_not_there_is_not_found(anna: Patient) -> None:
    client = reader("manager")
    assert client.get(reverse("patient-rules", args=[987654])).status_code == 404
    assert client.get(reverse("patient-rule", args=[anna.pk, 987654])).status_code == 404


# --- What is told -----------------------------------------------------------------------------------------------
def test_what_is_to_come_is_told_in_order_and_what_was_decided_with_its_reason(anna: Patient) -> None:
    rule = make_rule("birthday", [make_step(-3), make_step(0), make_step(2)], name="Greeting", name_en="Greeting")
    fates = [("planned", "suppressed", "no_consent"), ("planned", "planned", "quiet_hours"), ("waiting", "", "")]
    ladder(rule, anna, NOW - DAY, "open", fates)
    story = of_patient.story(anna.pk, NOW)
    assert [step.step.position for step in story.coming] == [2, 3]
    shown = rules(anna)
    coming, decided = shown.split("Triggers: why, and why not")
    assert coming.count("Greeting") == 2 and "No rule has a message" not in coming
    assert "not sent: has not agreed to advertising" in decided
    assert "Going on. Messages are still to come." in decided


def test_a_refusal_is_worded_by_what_the_message_was_for(anna: Patient) -> None:
    review = make_rule("review", purpose="service")
    ladder(review, anna, NOW - DAY, "open", [("planned", "suppressed", "no_consent")])
    Message.objects.update(purpose="service")
    shown = rules(anna)
    assert "has refused service messages on this channel" in shown and "advertising" not in shown


def test_a_message_of_a_hold_out_or_a_stopped_ladder_is_not_to_come(anna: Patient) -> None:
    rule = make_rule("birthday")
    ladder(rule, anna, NOW - 2 * DAY, "holdout", [("skipped", "", "holdout")])
    ladder(rule, anna, NOW - DAY, "stopped", [("waiting", "", "")])
    assert of_patient.story(anna.pk, NOW).coming == []
    assert "Chosen by chance; get nothing, to compare with." in rules(anna)


def test_a_rule_that_has_found_nothing_tells_its_conditions(anna: Patient) -> None:
    rule = make_rule("tiny_day")
    found = of_patient.story(anna.pk, NOW).decisions
    assert [(one.rule, one.firings, one.fits) for one in found] == [(rule, [], True)]
    assert "есть визит" in rules(anna)


def test_segments_and_branches_that_leave_the_patient_out_are_among_the_reasons(anna: Patient) -> None:
    segmentation = Segmentation.objects.create(code="own", kind="list", name="Списки")
    segment = Segment.objects.create(segmentation=segmentation, code="vip", name="ВИП", name_en="VIP")
    make_rule("tiny_day", include=[segment], branches=[make_branch("Север")])
    shown = rules(anna)
    assert "Is in one of the segments: VIP" in shown and "Belongs to one of the branches: Север" in shown
    assert "as of now not every condition holds" in shown


def test_nothing_is_promised_about_what_is_long_past_or_over(anna: Patient) -> None:
    make_visit(anna, NOW - 200 * DAY, "no_show")
    rule = make_rule("no_show", [make_step(1), make_step(5)])
    (told,) = of_patient.story(anna.pk, NOW).decisions
    assert (told.fits, told.time) == (True, "past")
    assert "the time of its messages is long past" in rules(anna)
    # While it is due nothing is said of what will be, and before it the message is promised.
    assert of_patient.explained(rule, anna.pk, NOW - 198 * DAY).time == ""
    assert of_patient.explained(rule, anna.pk, NOW - 200 * DAY).time == "ahead"
    make_visit(anna, NOW - 100 * DAY, "completed")
    assert not of_patient.explained(rule, anna.pk, NOW).fits
    assert "as of now not every condition holds" in rules(anna)


def test_a_rule_that_is_off_is_asked_about_on_demand(anna: Patient) -> None:
    rule = make_rule("tiny_day", on=None)
    shown = rules(anna)
    assert "1 rule is off" in shown and "есть визит" not in shown
    told = text_of(reader("manager"), reverse("patient-rule", args=[anna.pk, rule.pk]))
    assert "The conditions hold today; the rule is off." in told


def test_without_rules_the_card_says_so(anna: Patient) -> None:
    from triggers.models import TriggerRule

    TriggerRule.objects.all().delete()
    shown = rules(anna)
    assert "No rule has been made yet." in shown and "No rule has a message for this patient." in shown


def test_more_firings_take_no_more_queries(anna: Patient) -> None:
    rule = make_rule("birthday")

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            list(of_patient.story(anna.pk, NOW).decisions)
        return len(found)

    ladder(rule, anna, NOW, "done", [("planned", "sent", "")])
    one = queries()
    for days in range(1, 9):
        ladder(rule, anna, NOW - days * DAY, "done", [("planned", "sent", "")])
    assert queries() == one


# --- The first page ---------------------------------------------------------------------------------------------
def test_the_first_page_tells_what_the_rules_do(anna: Patient) -> None:
    from triggers.reports import home

    rule = make_rule("birthday")
    make_rule("birthday", on=None)
    ladder(rule, anna, NOW - DAY, "done", [("planned", "sent", "")])
    counting.refresh(NOW)
    made = home.tiles(timezone.localdate(NOW), with_results=True)
    assert [tile["value"] for tile in made] == ["1", "1", "—"]
    assert len(home.tiles(timezone.localdate(NOW), with_results=False)) == 2


def test_messages_on_the_card_name_their_rule(anna: Patient) -> None:
    rule = make_rule("birthday", name="Greeting", name_en="Greeting")
    ladder(rule, anna, NOW - DAY, "done", [("planned", "sent", "")])
    shown = text_of(reader("manager"), reverse("patient-messages", args=[anna.pk]))
    assert f'<a href="{reverse("trigger", args=[rule.pk])}">Greeting</a>' in shown

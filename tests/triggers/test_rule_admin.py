"""Rules in the admin: the type first, its own form, the ladder, what becomes of ladders that run, switching."""

import datetime
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.text import capfirst

from campaigns.models import CaughtMessage, ChannelAccount, Message, Policy
from campaigns.services.sending import accounts
from campaigns.services.writing import content
from clinic_crm.roles import sync_roles
from patients.models import Service
from segmentation.models import Segment
from tests.campaigns.making import NOW, _key, make_patients, make_template, make_visit
from tests.campaigns.smtp_peer import SmtpPeer
from tests.triggers.making import fire, make_rule, make_step
from triggers import rule_types
from triggers.admin.rules import TriggerRuleAdmin
from triggers.models import Firing, FiringStep, TriggerRule
from triggers.selectors import ladder
from triggers.services import switching

pytestmark = pytest.mark.django_db
OURS = [code for code, kind in rule_types.TYPES.items() if type(kind).__module__.startswith("triggers.")]
BASE = {
    "name": "Гигиена", "name_en": "", "description": "", "description_en": "", "purpose": "marketing",
    "goal": "none", "priority": "0", "holdout_percent": "10", "cooldown_days": "0", "window_days": "30",
    "send_at": "10:00",
}  # fmt: skip


@pytest.fixture
def admin(client: Client) -> Client:
    sync_roles()
    user = User.objects.create_user("anna", email="anna@example.org", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    return client


@pytest.fixture
def hygiene() -> Service:
    return Service.objects.create(name="Гигиена", recall_days=180, **_key())


def url(page: str, rule: TriggerRule | None = None) -> str:
    return reverse(f"admin:triggers_triggerrule_{page}", args=[rule.pk] if rule else [])


def step(number: int, *, template: Any, pk: int | str = "", channel: str = "email", **fields: str) -> dict[str, str]:
    values = {
        "id": str(pk), "amount": "0", "unit": "day", "side": "after", "at": "", "useful_hours": "48", "offer": "",
        f"template_{channel}": str(template.pk), **fields,
    }  # fmt: skip
    return {f"steps-{number}-{name}": value for name, value in values.items()}


def posted(*steps: dict[str, str], initial: int = 0, **fields: Any) -> dict[str, Any]:
    counts = {"steps-TOTAL_FORMS": str(len(steps)), "steps-INITIAL_FORMS": str(initial)}
    whole = {**BASE, **counts, **fields}
    for one in steps:
        whole |= one
    return whole


def complaints(answer: Any) -> Any:
    if answer.status_code == 302 or not answer.context or "adminform" not in answer.context:
        return None
    formsets = [one.formset for one in answer.context["inline_admin_formsets"]]
    return answer.context["adminform"].form.errors, [one.errors + one.non_form_errors() for one in formsets]


# --- Who may --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["marketer", "manager", "owner"])
def test_only_administrators_change_and_switch(client: Client, role: str) -> None:
    sync_roles()
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    rule = make_rule("birthday", on=None)
    assert client.get(url("add") + "?type=birthday").status_code == 403
    assert client.post(url("change", rule), posted()).status_code == 403
    assert client.post(url("switch", rule), {"to": "on"}).status_code == 403
    assert client.post(url("archive", rule)).status_code == 403
    assert client.post(url("try", rule), {"email": "a@b.ru", "language": "ru"}).status_code == 403
    rule.refresh_from_db()
    assert not rule.enabled and rule.archived_at is None


def test_a_stranger_is_asked_to_log_in(client: Client) -> None:
    rule = make_rule("birthday", on=None)
    for page in ("change", "today", "try", "switch", "archive"):
        assert client.get(url(page, rule)).status_code == 302


def test_looking_changes_nothing(admin: Client) -> None:
    rule = make_rule("birthday", on=None)
    for page in ("change", "today", "try", "switch", "archive"):
        assert admin.get(url(page, rule)).status_code == 200, page
    rule.refresh_from_db()
    assert not rule.enabled and rule.archived_at is None and not Firing.objects.exists()


def test_the_list_is_headed_by_what_it_is(admin: Client) -> None:
    assert admin.get(url("changelist")).context["title"] == capfirst(str(TriggerRule._meta.verbose_name_plural))


# --- Making a rule --------------------------------------------------------------------------------------------------
def test_the_type_is_chosen_first(admin: Client) -> None:
    page = admin.get(url("add")).content.decode()
    for code in OURS:
        assert f"?type={code}" in page, code
        assert str(rule_types.of(code).name) in page


@pytest.mark.parametrize("code", OURS)
def test_every_type_is_made_with_its_own_form(admin: Client, code: str, hygiene: Service) -> None:
    """The form is posted as the browser would: what it shows, and services where the type needs some."""
    kind = rule_types.of(code)
    shown = admin.get(url("add") + f"?type={code}")
    assert shown.status_code == 200
    form = shown.context["adminform"].form
    fields: dict[str, Any] = {}
    for name in form.fields:
        value = form[name].value()
        if value is not False and value not in (None, ""):
            fields[name] = ["on"] if value is True else value
    for needed, value in (("services", [hygiene.pk]), ("age", 40), ("direction", "worse")):
        if f"param_{needed}" in form.fields and not fields.get(f"param_{needed}"):
            fields[f"param_{needed}"] = value
    template = make_template("email", kind.purposes[0])
    data = posted(step(0, template=template), **{**fields, "name": "Новое"})
    answer = admin.post(url("add") + f"?type={code}", data)
    assert answer.status_code == 302, complaints(answer)
    rule = TriggerRule.objects.get(name="Новое")
    assert (rule.rule_type, rule.enabled, rule.purpose, rule.goal) == (code, False, kind.purposes[0], kind.goals[0])
    assert rule.params == kind.clean(rule.params)
    assert rule.salt and rule.created_by and rule.code
    assert [one.channels for one in ladder.current(rule)] == [["email"]]
    page = admin.get(answer["Location"])
    assert page.status_code == 200 and kind.sentence(rule.params) in page.context["sentence"]


def test_the_lens_ladder_is_built_in_one_form(admin: Client, hygiene: Service) -> None:
    mail, sms, script = make_template("email"), make_template("sms"), make_template("call")
    steps = (
        step(0, template=sms, channel="sms", amount="0", template_call=str(script.pk)),
        step(1, template=mail, amount="7", side="before", at="09:30"),
        step(2, template=mail, amount="3", side="before"),
    )
    data = posted(*steps, param_services=[hygiene.pk], param_doctor_first="on", goal="service")
    answer = admin.post(url("add") + "?type=recall", data)
    assert answer.status_code == 302, complaints(answer)
    rule = TriggerRule.objects.get()
    assert rule.params["services"] == [hygiene.pk] and rule.params["doctor_first"] is True
    found = [(one.position, one.offset, one.at, one.channels) for one in ladder.current(rule)]
    assert found == [
        (1, -7, datetime.time(9, 30), ["email"]),
        (2, -3, None, ["email"]),
        (3, 0, None, ["sms", "call"]),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"steps-0-template_email": ""}, None),
        ({"steps-0-amount": "-3"}, "amount"),
        ({"steps-0-useful_hours": "0"}, "useful_hours"),
        ({"steps-0-at": "25:00"}, "at"),
        ({"steps-0-template_email": "999999"}, "template_email"),
    ],
)
def test_what_is_wrong_in_a_step_is_said_there(admin: Client, change: dict[str, str], field: str | None) -> None:
    data = posted(step(0, template=make_template("email")), param_date="birth", param_every="1") | change
    answer = admin.post(url("add") + "?type=birthday", data)
    errors = complaints(answer)
    assert errors is not None and not TriggerRule.objects.exists()
    assert (field or "__all__") in errors[1][0][0]


def test_a_template_of_another_purpose_is_refused(admin: Client) -> None:
    data = posted(step(0, template=make_template("email", "service")), param_date="birth", param_every="1")
    errors = complaints(admin.post(url("add") + "?type=birthday", data))
    assert "template_email" in errors[1][0][0]


def test_a_rule_without_a_message_is_refused(admin: Client) -> None:
    answer = admin.post(url("add") + "?type=birthday", posted(param_date="birth", param_every="1"))
    assert complaints(answer) is not None and not TriggerRule.objects.exists()


def test_the_type_judges_its_own_settings(admin: Client) -> None:
    data = posted(step(0, template=make_template("email")), param_date="birth", param_every="0")
    errors = complaints(admin.post(url("add") + "?type=birthday", data))
    assert "param_every" in errors[0]


def test_two_messages_at_one_time_are_refused(admin: Client) -> None:
    one = make_template("email")
    data = posted(step(0, template=one), step(1, template=one), param_date="birth", param_every="1")
    errors = complaints(admin.post(url("add") + "?type=birthday", data))
    assert "amount" in errors[1][0][1]


def test_an_unknown_type_leads_back_to_the_choice(admin: Client) -> None:
    answer = admin.get(url("add") + "?type=astrology")
    assert answer.status_code == 200 and "?type=birthday" in answer.content.decode()
    assert admin.post(url("add") + "?type=astrology", posted()).status_code == 200
    assert not TriggerRule.objects.exists()


def test_service_messages_have_no_holdout(admin: Client) -> None:
    data = posted(
        step(0, template=make_template("email", "service"), unit="hour"), purpose="service", holdout_percent="10",
        param_confirmed="on",
    )  # fmt: skip
    errors = complaints(admin.post(url("add") + "?type=appointment_reminder", data))
    assert "holdout_percent" in errors[0]


# --- Changing one -----------------------------------------------------------------------------------------------------
@pytest.fixture
def running(hygiene: Service) -> TriggerRule:
    """A ladder of two mails; the first has fallen due for one patient."""
    rule = make_rule("recall", [make_step(0), make_step(5)], {"services": [hygiene.pk]}, name="Гигиена")
    (patient,) = make_patients(1)
    visit = make_visit(patient, NOW - datetime.timedelta(days=180))
    visit.items.create(service=hygiene, quantity=1, price=1)
    fire(NOW)
    assert Firing.objects.get().state == "open"
    return rule


def rewritten(rule: TriggerRule, hygiene: Service, second: str) -> dict[str, Any]:
    steps = [
        step(number, template=one.templates.get().template, pk=one.pk, amount=amount)
        for number, (one, amount) in enumerate(zip(ladder.current(rule), ("0", second), strict=True))
    ]
    return posted(*steps, initial=2, param_services=[hygiene.pk], param_doctor_first="on", goal="service")


@pytest.mark.parametrize(
    ("choice", "state", "waiting"), [("keep", "open", [5]), ("new", "open", [9]), ("stop", "stopped", [])]
)
def test_a_changed_ladder_asks_what_becomes_of_those_on_it(
    admin: Client, running: TriggerRule, hygiene: Service, choice: str, state: str, waiting: list[int]
) -> None:
    data = rewritten(running, hygiene, "9")
    asked = admin.post(url("change", running), data)
    assert asked.status_code == 200 and asked.context["waiting"] == 1
    assert [one.offset for one in ladder.current(running)] == [0, 5]
    kept = dict(asked.context["posted"])
    answer = admin.post(url("change", running), {**data, **kept, "ladders": choice})
    assert answer.status_code == 302, complaints(answer)
    assert [one.offset for one in ladder.current(running)] == [0, 9]
    assert Firing.objects.get().state == state
    left = FiringStep.objects.filter(state="waiting").values_list("step__offset", flat=True)
    assert sorted(left) == waiting


def test_a_ladder_left_as_it_was_asks_nothing(admin: Client, running: TriggerRule, hygiene: Service) -> None:
    answer = admin.post(url("change", running), rewritten(running, hygiene, "5") | {"name": "Новое имя"})
    assert answer.status_code == 302, complaints(answer)
    running.refresh_from_db()
    assert running.name == "Новое имя" and running.steps.filter(retired_at__isnull=False).count() == 0


def test_what_has_fired_is_archived_and_never_deleted(admin: Client, running: TriggerRule) -> None:
    assert admin.post(url("delete", running), {"post": "yes"}).status_code == 403
    admin.post(url("switch", running), {"to": "off", "ladders": "stop"})
    admin.post(url("archive", running))
    running.refresh_from_db()
    assert running.archived_at is not None and Firing.objects.exists()
    assert running.name not in admin.get(url("changelist")).content.decode()
    assert running.name in admin.get(url("changelist") + "?state=archived").content.decode()
    admin.post(url("archive", running), {"to": "lists"})
    running.refresh_from_db()
    assert running.archived_at is None and not running.enabled


# --- What can be done with it -----------------------------------------------------------------------------------------
@pytest.fixture
def sending(hygiene: Service) -> None:
    accounts.ensure()
    ChannelAccount.objects.exclude(channel="call").update(sender="VESNA <a@vesna.example>")
    Policy.load()
    Policy.objects.update(clinic_name="Весна", clinic_details="Лицензия")


def test_on_and_off_by_the_button(admin: Client, sending: None, hygiene: Service) -> None:
    rule = make_rule("recall", params={"services": [hygiene.pk]}, on=None)
    page = admin.post(url("switch", rule), {"to": "on"}, follow=True)
    rule.refresh_from_db()
    assert rule.enabled and rule.enabled_at is not None, [str(one) for one in page.context["messages"]]
    admin.post(url("switch", rule), {"to": "off", "ladders": "finish"})
    rule.refresh_from_db()
    assert not rule.enabled


def test_what_is_not_fit_stays_off_and_says_why(admin: Client, hygiene: Service) -> None:
    rule = make_rule("recall", params={"services": [hygiene.pk]}, on=None)
    template = ladder.current(rule)[0].templates.get().template
    content.archive(template, NOW)
    page = admin.get(url("switch", rule))
    assert page.context["problems"]
    answer = admin.post(url("switch", rule), {"to": "on"}, follow=True)
    rule.refresh_from_db()
    assert not rule.enabled and template.name in " ".join(str(one) for one in answer.context["messages"])


def test_who_would_get_it_today_is_named_and_nothing_is_sent(
    admin: Client, hygiene: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.admin.rule_pages.timezone.now", lambda: NOW)
    rule = make_rule("recall", params={"services": [hygiene.pk]}, on=None)
    told, silent = make_patients(1)[0], make_patients(1, consented=(), last_name="Молчанова")[0]
    for patient in (told, silent):
        make_visit(patient, NOW - datetime.timedelta(days=180)).items.create(service=hygiene, quantity=1, price=1)
    page = admin.get(url("today", rule))
    assert page.context["found"].total == 2
    assert [row["patient"] for row in page.context["rows"]] == [told, silent]
    assert [row["written"] for row in page.context["rows"]] == [True, False]
    assert not Firing.objects.exists() and not Message.objects.exists()
    # Nobody has chosen its services: whom it is about is not known, and no list is made up.
    TriggerRule.objects.filter(pk=rule.pk).update(params={"choose": ["гигиена"]})
    page = admin.get(url("today", rule))
    assert "found" not in page.context and told.last_name not in page.content.decode()
    assert "гигиена" in page.content.decode()


def test_every_message_comes_to_oneself_marked_as_a_test(admin: Client) -> None:
    peer = SmtpPeer()
    try:
        ChannelAccount.objects.create(
            channel="email", sender="Весна <a@vesna.example>",
            params={"provider": "smtp", "host": "127.0.0.1", "port": peer.port, "tls": "none"},
        )  # fmt: skip
        rule = make_rule("birthday", [make_step(-3), make_step(0, channels=["email", "call"])], on=None)
        page = admin.post(url("try", rule), {"email": "anna@example.org", "phone": "", "language": "ru"})
        assert [(trial.position, trial.channel) for trial in page.context["trials"]] == [
            (1, "email"), (2, "email"), (2, "call"),
        ]  # fmt: skip
        assert [trial.sent for trial in page.context["trials"]] == [True, True, True]
        assert page.context["trials"][2].script
        assert peer.received() == {"anna@example.org": 2}
        assert not Message.objects.exists() and not CaughtMessage.objects.exists()
    finally:
        peer.stop()


def test_no_address_is_said_at_its_field(admin: Client) -> None:
    rule = make_rule("birthday", on=None)
    page = admin.post(url("try", rule), {"email": "no address", "phone": "12", "language": "ru"})
    assert set(page.context["form"].errors) == {"email", "phone"}


def test_ready_rules_are_added_by_post_alone(admin: Client) -> None:
    page = reverse("admin:triggers_triggerrule_ready_rules")
    assert admin.get(page).context["missing"] and not TriggerRule.objects.exists()
    admin.post(page)
    made = TriggerRule.objects.count()
    assert made == len(set(TriggerRule.objects.values_list("starter", flat=True)))
    assert admin.get(page).context["missing"] == []


def test_the_list_asks_a_fixed_number_of_queries(admin: Client, django_assert_max_num_queries: Any) -> None:
    for _number in range(12):
        make_rule("birthday", [make_step(0), make_step(3)], on=None)
    with django_assert_max_num_queries(20):
        assert admin.get(url("changelist")).status_code == 200


def test_segments_stand_under_their_segmentations(admin: Client) -> None:
    page = admin.get(url("add") + "?type=birthday").content.decode()
    segment = Segment.objects.select_related("segmentation").get(segmentation__code="value", code="vip")
    assert f'<optgroup label="{segment.segmentation}"' in page


def test_a_form_that_was_read_before_the_rule_was_switched_off_does_not_switch_it_on(rf: RequestFactory) -> None:
    """While the form waits for the look that is going on, another hand may be on the switch."""
    rule = make_rule("birthday", [make_step(0)])
    read = TriggerRule.objects.get(pk=rule.pk)
    switching.switch_off(rule.pk, None, NOW)
    TriggerRule.objects.filter(pk=rule.pk).update(horizon="9:9:")
    read.name, read.params = "Другое", {**read.params, "min_years": 18}
    TriggerRuleAdmin(TriggerRule, site).save_model(rf.post("/"), read, None, True)
    found = TriggerRule.objects.get(pk=rule.pk)
    assert (found.name, found.params["min_years"], found.enabled, found.horizon) == ("Другое", 18, False, "9:9:")

"""The whole story of the triggers in a browser: lenses and hygiene, from nothing to an honest result.

Facts come from a MIS over REST; rules are made, asked, tried and switched on in the admin; the back-test and the first
look are a real worker's, the mails are sent to the real catcher. The days of the ladder are played by `--now`; that
they have passed, by moving what happened into the past.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from campaigns.models import CallTask, CaughtMessage, Message, Template
from campaigns.planning.holdout import held_out
from campaigns.services.sending import accounts
from campaigns.services.writing import content
from clinic_crm.roles import sync_roles
from patients import wording
from patients.models import Patient
from segmentation.services.defaults import ensure_defaults
from tests.browser.living import PASSWORD, log_in
from tests.campaigns.making import policy
from tests.conftest import eventually
from tests.scenarios.mis import Mis
from tests.scenarios.world import HERE, World
from triggers.models import Backtest, Firing, FiringStep, TriggerRule
from triggers.selectors import ladder
from triggers.services import starters

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]
LENSES, HYGIENE = "lenses", "hygiene"
MONTH, HALF_YEAR = 30, 180  # days after which each is due again
BEFORE = {LENSES: (7, 3, 0), HYGIENE: (7, 2)}  # when the messages go, days before that
WINDOW = 14
EVERYWHERE = ("email", "sms", "call")
MY_MAIL, MY_PHONE = "admin@example.org", "+79990001122"


class Base(World):
    """Who uses lenses, and since when: the truth of the back-test and of the ladders."""

    def days_of(self, service: str) -> dict[str, list[dt.date]]:
        found: dict[str, list[dt.date]] = {}
        for row in self.visits:
            if row["status"] == "completed" and row["items"][0]["service"] == service:
                found.setdefault(row["patient"], []).append(self.starts(row))
        return found

    def last_year(self, now: dt.datetime) -> Iterator[tuple[str, list[dt.date], int]]:
        """Occasions of the lens ladder whose first message fell due in the 365 days before today: the patient, the days
        of the messages that were needed by now, how many were not. A visit at noon is not known at ten."""
        for patient, days in self.days_of(LENSES).items():
            for day in days:
                first, *_later = due = [day + dt.timedelta(days=MONTH - before) for before in BEFORE[LENSES]]
                again = [other for other in days if other > day]
                if not self.today - dt.timedelta(days=365) <= first < self.today or any(one < first for one in again):
                    continue
                past = [one for one in due if timezone.make_aware(dt.datetime.combine(one, dt.time(10))) <= now]
                needed = [one for one in past if not any(other < one for other in again)]
                yield patient, needed, len(past) - len(needed)


@pytest.fixture
def world() -> Base:
    """Nobody's clock is near midnight: ladders begin tomorrow, in the middle are those of last week."""
    made = Base(timezone.localdate())
    ago = [made.today - dt.timedelta(days=days) for days in range(500)]
    for number in range(60):
        patient = made.patient(channels=("email", "call") if number >= 54 else EVERYWHERE)
        made.visit(patient, ago[22], LENSES)
        if number < 40:
            made.visit(patient, ago[HALF_YEAR - 8], HYGIENE)
    made.visit(made.patient(channels=()), ago[22], LENSES)
    made.visit(made.patient(channels=EVERYWHERE), ago[23], LENSES)  # due today
    for number in range(6):
        made.visit(made.patient(channels=EVERYWHERE), ago[26 + number % 2], LENSES)  # in the middle of the path
    for number in range(25):
        patient, day = made.patient(channels=EVERYWHERE), 60 + number % 9
        for turn in range(4):
            made.visit(patient, ago[day], LENSES)
            day += (24, 29, 35, 21, 28)[(number + turn) % 5] + 40 * (turn % 2)
    return made


@pytest.fixture
def clinic(transactional_db: None, live_server: Any) -> None:
    """An installation on its first day, with an administrator and a manager; no quiet hours, for the test runs at any
    hour, and room for two ladders at once."""
    sync_roles()
    ensure_defaults()
    accounts.ensure()
    content.ensure_defaults()
    starters.ensure()
    policy(
        clinic_name="Клиника «Весна»", clinic_details="Москва, лицензия Л041-01137-77/00000000",
        public_url=live_server.url, quiet_from=dt.time(0), quiet_until=dt.time(0), cap_messages=9, cap_days=7,
    )  # fmt: skip
    for name, staff in (("administrator", True), ("manager", False)):
        user = User.objects.create_user(name, email=MY_MAIL, password=PASSWORD, is_staff=staff)
        user.groups.add(Group.objects.get(name=name))


@pytest.fixture
def mis(clinic: None, live_server: Any, world: Base, capsys: pytest.CaptureFixture[str]) -> Mis:
    call_command("create_integration", "mis", scopes="ingest,read", implied_payments=True)
    found = Mis(live_server.url, capsys.readouterr().out.strip())
    found.post("branches", [{"external_id": HERE, "name": "Клиника на Таганке", "city": "Москва"}])
    found.post("services", [
        {"external_id": LENSES, "name": "Контактные линзы", "group": "Офтальмология"},
        {"external_id": HYGIENE, "name": "Профессиональная гигиена", "group": "Стоматология"},
    ])  # fmt: skip
    found.post("patients", world.patients)
    found.post("consents", world.consents)
    assert found.post("visits", world.visits)["rejected"] == []
    return found


@pytest.fixture
def administrator(page: Any, live_server: Any, clinic: None) -> Iterator[Any]:
    """Logged in by the form; errors of scripts fail the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    log_in(page, live_server.url, "administrator")
    yield page
    assert not errors


def of_rule(page: Any, address: str, rule: TriggerRule, what: str) -> None:
    """A button of the rule in the admin."""
    page.goto(f"{address}/admin/triggers/triggerrule/{rule.pk}/change/")
    page.locator(f".rule-buttons a[href$='{what}']").click()


def build(page: Any, address: str, name: str, service: str, days: int, templates: list[dict[str, Template]]) -> Any:
    """A recall from nothing: type, settings, ladder. `templates`: channel -> template, per message."""
    code = HYGIENE if "гигиена" in service else LENSES
    page.goto(f"{address}/admin/triggers/triggerrule/add/")
    page.locator("a[href='?type=recall']").click()
    page.fill("#id_name", name)
    page.locator("#id_param_services + .select2-container").click()
    page.keyboard.type(service)
    page.locator(".select2-results__option--highlighted").click()
    page.fill("#id_param_days", str(days))
    page.select_option("#id_goal", "service")
    page.locator("details:has(#id_holdout_percent) > summary").click()
    page.fill("#id_holdout_percent", "25")
    page.fill("#id_window_days", str(WINDOW))
    for number, (before, channels) in enumerate(zip(BEFORE[code], templates, strict=True)):
        if number:
            page.locator("#steps-group a.add-row").first.click()
        page.fill(f"#id_steps-{number}-amount", str(before))
        page.select_option(f"#id_steps-{number}-side", "before" if before else "after")
        for channel, template in channels.items():
            page.select_option(f"#id_steps-{number}-template_{channel}", label=template.name)
    page.locator("button[name=_save]").click()
    page.wait_for_selector(".rule-panel .rule-ladder")
    rule = TriggerRule.objects.get(name=name)
    assert [(step.offset, step.channels) for step in ladder.current(rule)] == [
        (-before, list(channels)) for before, channels in zip(BEFORE[code], templates, strict=True)
    ]
    return rule


def existing(words: str, channel: str) -> Template:
    return Template.objects.filter(name__contains=words, channel=channel).earliest("pk")


def reads_the_back_test(page: Any, address: str, rule: TriggerRule, world: Base) -> None:
    """Last year, as the page and its file tell it, against the rows that were posted."""
    of_rule(page, address, rule, reverse("backtest_new", args=[rule.pk]))
    page.locator(".backtest-form button[type=submit]").click()
    page.wait_for_selector("#people", timeout=60_000)
    keys = dict(Patient.objects.values_list("external_id", "pk"))
    found = Backtest.objects.get(rule=rule).result
    happened = list(world.last_year(dt.datetime.fromisoformat(found["as_of"])))
    ladders = [one for one in happened if not held_out(rule.salt, keys[one[0]], rule.holdout_percent)]
    load = Counter(day for _patient, needed, _not in ladders for day in needed)
    assert len(ladders) > 30 and sum(not_needed for *_one, not_needed in ladders) > 5
    assert found["occasions"] == len(happened)
    assert found["holdout"] == len(happened) - len(ladders)
    assert found["not_needed"] == sum(not_needed for *_one, not_needed in ladders)
    tiles = page.locator(".tiles").inner_text()
    assert str(len({patient for patient, needed, _not in ladders if needed})) in tiles
    assert str(load.total()) in tiles
    told = page.request.get(f"{address}{reverse('backtest_csv', args=[Backtest.objects.get(rule=rule).pk])}")
    lines = [re.split("[;,]", line) for line in told.text().splitlines()[1:]]
    assert {line[0]: int(line[-1]) for line in lines} == {f"{day}": number for day, number in load.items()}


def who_today(page: Any, address: str, rule: TriggerRule) -> str:
    of_rule(page, address, rule, "/today/")
    page.wait_for_selector("#today-people")
    return str(page.locator("#today-people").inner_text())


def tried_on_oneself(page: Any, address: str, rule: TriggerRule) -> None:
    of_rule(page, address, rule, "/try/")
    assert page.input_value("#id_email") == MY_MAIL
    page.fill("#id_phone", MY_PHONE)
    page.locator(".rule-buttons button[type=submit]").click()
    page.wait_for_selector("#trials")
    assert page.locator("#trials li").count() == 4 and page.locator("#trials .rule-bad").count() == 0
    assert page.locator("#trials pre").inner_text()  # what a manager is to say
    caught = eventually(lambda: len(found := list(CaughtMessage.objects.all())) == 3 and found)
    assert Counter(one.channel for one in caught) == {"email": 2, "sms": 1}
    assert {one.to for one in caught if one.channel == "email"} == {MY_MAIL}
    assert not Message.objects.exists()
    CaughtMessage.objects.all().delete()


def switch_on(page: Any, address: str, rule: TriggerRule) -> None:
    of_rule(page, address, rule, "/switch/")
    page.locator(".rule-buttons button[type=submit]").click()
    page.wait_for_selector(".rule-panel")
    rule.refresh_from_db()
    assert rule.enabled


def live(world: Base, day: int, hour: int = 12) -> None:
    """The ticks of that hour: rules look, ladders go on, what is due is sent."""
    moment = dt.datetime.combine(world.today + dt.timedelta(days=day), dt.time(hour)).isoformat()
    call_command("fire", "--now", moment)
    call_command("dispatch", "--now", moment)
    failed = Message.objects.filter(state="failed").values_list("channel", "reason", "error", "patient__external_id")
    assert not failed.exists(), list(failed)
    sent = Message.objects.filter(state="sent").exclude(channel="call")
    eventually(lambda: CaughtMessage.objects.count() == sent.count())


def in_the_mailbox(page: Any, address: str, words: str) -> list[str]:
    """What was sent to an address, oldest first."""
    page.goto(f"{address}{reverse('mailbox')}")
    page.fill("#mailbox-words", words)
    with page.expect_response(lambda answer: "mailbox" in answer.url and answer.request.method == "POST"):
        page.press("#mailbox-words", "Enter")
    eventually(lambda: all(words in to for to in page.locator(".mailbox-to").all_inner_texts()))
    return [str(text) for text in page.locator(".mailbox-subject").all_inner_texts()][::-1]


def days_pass(days: int) -> None:
    """Everything that has happened so far happened so many days earlier."""
    moved = {
        "campaigns_messageevent": ("at",),
        "campaigns_message": ("planned_at", "due_at", "claimed_at", "sent_at", "useful_until"),
        "campaigns_calltask": ("due_at", "created_at", "useful_until"),
        "triggers_firing": ("anchor_at", "since", "first_due", "found_at", "begun_at", "closed_at"),
        "triggers_firingstep": ("due_at", "useful_until"),
        "triggers_triggerrule": ("enabled_at", "looked_until"),
        "patients_visit": ("starts_at", "created_at"),
    }  # fmt: skip
    with connection.cursor() as cursor:
        for table, columns in moved.items():
            sets = ", ".join(f"{column} = {column} - interval '{days} days'" for column in columns)
            cursor.execute(f"UPDATE {table} SET {sets}")
        cursor.execute("UPDATE patients_visit SET starts_on = starts_on - %s", [days])
        cursor.execute(
            "UPDATE triggers_firing SET occasion = split_part(occasion, ':', 1) || ':' || "
            "to_char(split_part(occasion, ':', 2)::date - %s, 'YYYY-MM-DD')",
            [days],
        )


def a_manager_calls(browser: Any, address: str) -> None:
    """The due call stands in the list; the next one is taken in one click and ends with an outcome."""
    context = browser.new_context(locale="ru-RU", viewport={"width": 390, "height": 780}, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(10_000)
    log_in(page, address, "manager")
    page.goto(f"{address}{reverse('calls')}")
    waiting = page.locator(".call-table tbody tr").count()
    assert waiting == CallTask.objects.filter(done_at=None).count() > 0
    page.locator(".call-next").click()
    page.wait_for_url(re.compile(r"/calls/\d+/"))
    assert "упаковк" in page.locator(".call-script").inner_text()
    page.locator(".outcome-button[value=thinking]").click()
    page.wait_for_load_state("networkidle")
    context.close()
    assert CallTask.objects.filter(outcome="thinking").count() == 1


def come_back(world: Base, mis: Mis, lenses: TriggerRule, began: dt.date) -> tuple[float, float]:
    """Two of three written to come within the window, one of ten of the others; the shares."""
    shares = []
    for held, part in ((False, (0, 1)), (True, (0,))):
        group = Firing.objects.filter(rule=lenses).exclude(patient__consents=None)
        group = group.filter(state="holdout") if held else group.exclude(state="holdout")
        keys = sorted(group.values_list("patient__external_id", flat=True))
        every = 10 if held else 3
        came = [key for number, key in enumerate(keys) if number % every in part]
        for number, key in enumerate(came):
            world.visit(key, began + dt.timedelta(days=2 + number % 9), LENSES)
        assert mis.post("visits", world.visits[-len(came) :])["rejected"] == []
        shares.append(len(came) / len(keys))
    return shares[0], shares[1]


def the_hero(lenses: TriggerRule, hygiene: TriggerRule) -> Patient:
    """Somebody who is on both ladders."""
    both = Patient.objects.filter(firings__rule=lenses, firings__state="open").order_by("pk")
    return both.filter(pk__in=Firing.objects.filter(rule=hygiene, state="open").values("patient"))[0]


def step_of(rule: TriggerRule, patient: Patient, position: int) -> FiringStep:
    return FiringStep.objects.get(firing__rule=rule, firing__patient=patient, step__position=position)


def booking_stops_one_ladder(
    world: Base, mis: Mis, lenses: TriggerRule, hygiene: TriggerRule
) -> tuple[Patient, Patient]:
    """Lenses are booked by two: one cancels. What the first two weeks of both ladders look like in the rows."""
    live(world, 1)
    hero = the_hero(lenses, hygiene)
    booked = Firing.objects.filter(rule=lenses, state="open").exclude(patient=hero).order_by("-pk")
    other = booked.filter(patient__consents__isnull=False).first()
    assert other is not None
    coming = world.today + dt.timedelta(days=10)
    rows = [world.visit(one.external_id, coming, LENSES, "booked") for one in (hero, other.patient)]
    assert mis.post("visits", rows)["rejected"] == []
    live(world, 5)
    held = step_of(lenses, hero, 2)
    assert held.state == "held" and held.message is not None and held.message.reason == "goal_met"
    live(world, 6)
    assert step_of(hygiene, hero, 2).message.state == "sent"  # type: ignore[union-attr]
    assert mis.post("visits", [{**rows[0], "status": "cancelled"}])["rejected"] == []
    live(world, 6, 14)
    again = step_of(lenses, hero, 2)
    assert again.message_id == held.message_id and again.message.state == "sent"  # type: ignore[union-attr]
    live(world, 8)
    return hero, other.patient


def test_two_recalls_from_nothing_to_an_honest_result(
    world: Base, mis: Mis, catcher: None, celery_worker_process: Any, administrator: Any, live_server: Any, browser: Any
) -> None:
    page, address = administrator, live_server.url
    week, three_days = (
        existing("линзы: новая упаковка: за 7", "email"),
        existing("линзы: новая упаковка: за 3", "email"),
    )
    on_the_day = {channel: existing("линзы: новая упаковка", channel) for channel in ("sms", "call")}
    lenses = build(page, address, "Линзы", "Контактные", MONTH, [{"email": week}, {"email": three_days}, on_the_day])
    letter = {"email": existing("гигиена зубов", "email")}
    hygiene = build(page, address, "Гигиена", "гигиена", HALF_YEAR, [letter, letter])

    reads_the_back_test(page, address, lenses, world)
    today = who_today(page, address, lenses)
    assert "Иванова61" in today and "Иванова0 " not in today
    tried_on_oneself(page, address, lenses)
    switch_on(page, address, lenses)
    switch_on(page, address, hygiene)
    current_app.send_task("triggers.tasks.fire", ignore_result=True)
    middle = Firing.objects.filter(rule=lenses, patient__external_id__in=[f"P{number}" for number in range(62, 68)])
    eventually(lambda: middle.count() == 6, timeout=30)
    first = FiringStep.objects.filter(firing__in=middle, firing__state="open", step__position=1)
    assert set(first.values_list("state", "reason")) <= {("skipped", "before_on")}
    assert not Message.objects.filter(state__in=["planned", "sent"], patient__in=middle.values("patient")).exists()

    hero, other = booking_stops_one_ladder(world, mis, lenses, hygiene)
    subjects = in_the_mailbox(page, address, hero.email)
    of_lenses, of_hygiene = (
        [text for text in subjects if ("гигиен" in text.lower()) is wanted] for wanted in (False, True)
    )
    assert len(of_hygiene) == 2 and len(of_lenses) == 2
    assert "скоро закончатся" in of_lenses[0] and "три дня" in of_lenses[1]
    assert subjects.index(of_lenses[1]) == 3, "the second letter came after the cancellation, behind both of hygiene"
    assert not any("три дня" in text for text in in_the_mailbox(page, address, other.email))

    days_pass(9)
    a_manager_calls(browser, address)
    days_pass(WINDOW - 3)
    began = world.today + dt.timedelta(days=1 - 9 - (WINDOW - 3))
    treated, holdout = come_back(world, mis, lenses, began)
    call_command("fire")  # what was held for an appointment that stands has lost its use by now
    call_command("nightly", "--as-of", world.today.isoformat())
    reads_the_result(page, address, lenses, treated, holdout)
    map_and_card(page, address, lenses, hygiene, hero)


def reads_the_result(page: Any, address: str, rule: TriggerRule, treated: float, holdout: float) -> None:
    """The page of the rule: the difference, every occasion, every message, every reason."""
    page.goto(f"{address}{reverse('trigger', args=[rule.pk])}")
    said = page.inner_text(".result-headline")
    assert wording.share(treated, 1) in said and wording.share(holdout, 1) in said, said
    assert page.locator(".result-line.is-gain").count() == 1, said
    parts = page.locator(".parts-list").first.inner_text()
    for state in ("done", "holdout"):
        assert f"{Firing.objects.filter(rule=rule, state=state).count()}" in parts
    assert Firing.objects.filter(rule=rule).exclude(state__in=["done", "holdout"]).count() == 0
    rows = page.locator(".ladder-table tbody tr")
    for number in range(3):
        sent = FiringStep.objects.filter(firing__rule=rule, step__position=number + 1, message__state="sent").count()
        assert rows.nth(number).locator("td[data-label=Отправлено]").inner_text() == str(sent) != "0"
    refused = {
        link.get_attribute("href").partition("reason=")[2].partition("&")[0]
        for link in page.locator("#why-not a").all()
    }
    # Whether somebody without consent is among those written to, and not held out, is a matter of the rule's salt.
    assert {"goal_met", "before_on"} <= refused <= {"late", "no_consent", "goal_met", "before_on"}
    page.wait_for_selector("[data-chart][data-drawn]")


def map_and_card(page: Any, address: str, lenses: TriggerRule, hygiene: TriggerRule, hero: Patient) -> None:
    page.goto(f"{address}{reverse('triggers')}")
    for rule in (lenses, hygiene):
        sent = Message.objects.filter(trigger_step__firing__rule=rule, state="sent").count()
        card = page.locator(".map-card:not(.is-off)", has_text=rule.name)
        assert wording.number(sent) in card.locator(".map-volume").inner_text()
        assert card.locator(".map-result").count() >= (rule == lenses)
    page.goto(f"{address}{reverse('patient', args=[hero.pk])}")
    page.wait_for_selector("#rules .rule-decisions")
    words = page.inner_text("#rules")
    assert "Линзы" in words and "Гигиена" in words
    assert page.locator("#rules .fates li.is-sent").count() == 5

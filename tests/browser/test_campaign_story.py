"""The whole story in a browser: a marketer sends the correction of permanent make-up, a patient refuses, results come.

Facts come from a MIS over REST, the audience is planned and the mails are sent by a real worker over a real broker to
the real catcher. Only the passing of a month is played: what the campaign has written is moved into the past.
"""

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone, translation

from campaigns.models import Campaign, CaughtMessage, Message, MessageEvent, Suppression, Template
from campaigns.services.sending import accounts
from campaigns.services.writing import content
from clinic_crm.local import state
from clinic_crm.roles import sync_roles
from patients import wording
from patients.models import Consent, Patient
from segmentation.services.defaults import ensure_defaults
from tests.browser.living import PASSWORD, log_in
from tests.campaigns.making import make_campaign, make_patients, policy
from tests.conftest import eventually
from tests.scenarios.mis import Mis
from tests.scenarios.world import HERE, THERE, World

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]
BROWS, CORRECTION = "brows", "correction"
MONTH = dt.timedelta(days=35)
State = Message.State


def months_before(day: dt.date, months: int) -> dt.date:
    """By the calendar: the same day of an earlier month; those of the second half of a month are not asked for."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return day.replace(year=years, month=month + 1, day=min(day.day, 28))


class Year(World):
    """A base in which it is known who is due for a correction."""

    def wanted(self) -> dict[str, str]:
        """Who is to be written to, and on which channel: read from the rows alone."""
        first: dict[str, dt.date] = {}
        for visit in self.visits:
            done = visit["status"] == "completed" and visit["items"][0]["service"] == BROWS
            if done and self.starts(visit) <= self.today:
                day = self.starts(visit)
                first[visit["patient"]] = min(first.get(visit["patient"], day), day)
        booked = {visit["patient"] for visit in self.visits if visit["status"] == "booked"}
        agreed = {(word["patient"], word["channel"]) for word in self.consents if word["granted"]}
        found = {}
        for patient in self.patients:
            key = patient["external_id"]
            due = key in first and months_before(self.today, 18) < first[key] <= months_before(self.today, 12)
            if not due or key in booked or patient["branch"] != HERE:
                continue
            if patient["email"] and (key, "email") in agreed:
                found[key] = "email"
            elif (key, "sms") in agreed:
                found[key] = "sms"
        return found


@pytest.fixture
def world() -> Year:
    """Women on the 28th of a month or earlier, so that months are counted by hand without doubt."""
    made = Year(timezone.localdate(), BROWS)
    long_ago = [made.today - dt.timedelta(days=370 + number % 170) for number in range(240)]
    for day in long_ago:
        made.visit(made.patient(), day)
    made.visit(made.patient(), months_before(made.today, 12))
    made.visit(made.patient(), months_before(made.today, 18))  # half a year and a year, and the day is over
    for number in range(10):
        made.visit(made.patient(email=False, channels=("sms",)), long_ago[number])
        made.visit(made.patient(THERE), long_ago[number], branch=THERE)
        made.visit(made.patient(channels=()), long_ago[number])
    for number in range(6):
        again = made.patient()
        made.visit(again, made.today - dt.timedelta(days=640))
        made.visit(again, long_ago[number])
        made.visit(made.patient(), made.today - dt.timedelta(days=180 + number))
        made.visit(made.patient(), long_ago[number], status="cancelled")
        made.visit(made.patient(), long_ago[number], service=CORRECTION)
        coming = made.patient()
        made.visit(coming, long_ago[number])
        made.visit(coming, made.today + dt.timedelta(days=4), service=CORRECTION, status="booked")
    return made


@pytest.fixture
def mis(live_server: Any, world: Year, capsys: pytest.CaptureFixture[str]) -> Mis:
    call_command("create_integration", "mis", scopes="ingest,read", implied_payments=True)
    found = Mis(live_server.url, capsys.readouterr().out.strip())
    found.post("branches", [
        {"external_id": HERE, "name": "Клиника на Таганке", "city": "Москва"},
        {"external_id": THERE, "name": "Клиника на Соколе", "city": "Москва"},
    ])  # fmt: skip
    found.post("services", [
        {"external_id": BROWS, "name": "Перманентный макияж бровей", "group": "Перманентный макияж"},
        {"external_id": CORRECTION, "name": "Коррекция контура", "group": "Перманентный уход"},
    ])  # fmt: skip
    found.post("patients", world.patients)
    found.post("consents", world.consents)
    assert found.post("visits", world.visits)["rejected"] == []
    return found


@pytest.fixture
def clinic(transactional_db: None, live_server: Any) -> None:
    """An installation on its first day: rules, accounts and texts as `prepare` leaves them; no quiet hours, for the
    test runs at any hour."""
    sync_roles()
    ensure_defaults()
    accounts.ensure()
    content.ensure_defaults()
    policy(
        clinic_name="Клиника «Весна»", clinic_details="Москва, лицензия Л041-01137-77/00000000",
        public_url=live_server.url, quiet_from=dt.time(0), quiet_until=dt.time(0),
    )  # fmt: skip
    for name in ("marketer", "colleague"):
        User.objects.create_user(name, password=PASSWORD).groups.add(Group.objects.get(name="marketer"))


@pytest.fixture
def marketer(page: Any, live_server: Any, clinic: None) -> Iterator[Any]:
    """Logged in by the form; errors of scripts fail the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    log_in(page, live_server.url, "marketer")
    yield page
    assert not errors


def write_offer(page: Any, address: str) -> None:
    page.goto(f"{address}{reverse('offer_new')}")
    page.fill("#id_name", "Коррекция со скидкой")
    page.select_option("#id_kind", "percent")
    page.fill("#id_value", "10")
    page.fill("#id_promo_code", "KONTUR10")
    page.fill("#id_terms", "Скидка 10 % на коррекцию.")
    page.click(".offer-form button.btn-primary")
    page.wait_for_url(re.compile(r"/offers/(\d+/)?$"))


def write_template(page: Any, address: str) -> None:
    page.goto(f"{address}{reverse('template_new')}?channel=email")
    page.fill("#id_name", "Пора на коррекцию")
    page.click(".offer-form button.btn-primary")
    page.wait_for_url(re.compile(r"/templates/\d+/"))
    page.fill("#id_subject", "{{ patient.first_name }}, пора освежить контур")
    page.fill("#id_body", '# Для {{ patient.first_name | case: "genitive" }}\n\n:::offer\n\n:::footer\n')
    letter = page.frame_locator(".preview-frame")
    page.select_option("select[name=offer]", label="Коррекция со скидкой")
    letter.locator("text=KONTUR10").wait_for()
    page.select_option("select[name=patient]", index=1)
    letter.locator("text=Для Анны").wait_for()
    assert page.locator("#problems .problem.is-error").count() == 0
    page.click("button[name=do][value=save]")
    page.wait_for_load_state("networkidle")
    template = Template.objects.get(name="Пора на коррекцию")
    assert template.texts.get(current=True).subject == "{{ patient.first_name }}, пора освежить контур"


def choose(page: Any, box: Any, words: str) -> None:
    box.locator(".cond-search").press_sequentially(words)
    box.locator(".cond-options li[role=option]").first.wait_for()
    box.locator(".cond-search").press("ArrowDown")
    box.locator(".cond-search").press("Enter")


def next_step(page: Any, step: str) -> None:
    page.locator("button[value=next]").click()
    page.wait_for_url(f"**/edit/{step}/")


def choose_audience(page: Any, address: str, world: Year) -> None:
    page.goto(f"{address}{reverse('campaigns')}")
    page.locator(".page-head a.btn-primary").click()
    page.fill("#id_name", "Коррекция, Таганка")
    editor = page.locator("#where-conditions")
    editor.locator(".cond-group.is-root > .cond-add > select").select_option("service_visit")
    editor.locator(".cond-operator").select_option("first")
    choose(page, editor.locator("[data-field=services]"), "бровей")
    editor.locator("[data-more=ago]").click()
    editor.locator(".cond-shape").select_option("between")
    editor.locator("[data-field=ago] input").nth(0).fill("12")
    editor.locator("[data-field=ago] input").nth(1).fill("18")
    page.get_by_label("Клиника на Таганке").check()
    page.wait_for_selector("#where-conditions[data-patients]:not([aria-busy])")
    next_step(page, "offer")


def make_in_the_wizard(page: Any, address: str, world: Year) -> Campaign:
    choose_audience(page, address, world)
    page.select_option("#id_A-offer", label="Коррекция со скидкой")
    page.select_option("#id_A-email", label="Пора на коррекцию")
    page.select_option("#id_A-sms", label="Коррекция перманентного макияжа — SMS")
    next_step(page, "channels")
    next_step(page, "when")
    page.fill("#id_holdout_percent", "25")
    next_step(page, "check")
    page.wait_for_selector(".check-sentence")
    return Campaign.objects.get(name="Коррекция, Таганка")


def number_of(page: Any, reason: str) -> int:
    """What the check says about a reason; 0 when it names nobody."""
    lines = page.locator(f"#check .bars a[href$='?reason={reason}'] .bar-number")
    return int(re.sub(r"\D", "", lines.inner_text())) if lines.count() else 0


def keys_of(messages: Any) -> set[str]:
    return set(messages.values_list("patient__external_id", flat=True))


def launch(page: Any, address: str, campaign: Campaign) -> None:
    next_step(page, "launch")
    assert "Анна, пора освежить контур" in page.inner_text("main")
    page.locator(".launch-box button[type=submit]").click()
    page.wait_for_url(f"**{reverse('campaign', args=[campaign.pk])}")
    eventually(lambda: Campaign.objects.filter(pk=campaign.pk, state="running").exists(), timeout=30)


def dispatched(campaign: Campaign) -> bool:
    """The ticks of the schedule, as beat sends them: everything due is sent, then the campaign is over."""
    current_app.send_task("campaigns.tasks.dispatch_due", ignore_result=True)
    rows = Message.objects.filter(campaign=campaign)
    eventually(lambda: not rows.filter(state__in=["planned", "sending"]).exists(), timeout=30)
    current_app.send_task("campaigns.tasks.refresh_counts", ignore_result=True)
    over = Campaign.objects.filter(pk=campaign.pk, state="finished")
    return bool(eventually(over.exists, timeout=30))


def mailbox(page: Any, address: str, campaign: Campaign) -> list[str]:
    """Every recipient the mailbox shows for the campaign, page by page."""
    found: list[str] = []
    page.goto(f"{address}{reverse('mailbox')}?campaign={campaign.pk}")
    while True:
        found += page.locator(".mailbox-to").all_inner_texts()
        following = page.locator("#mailbox-rows .pager a")
        if not following.count():
            return found
        page.goto(following.last.evaluate("link => link.href"))


def read_and_refuse(page: Any, browser: Any, campaign: Campaign) -> Message:
    """Open a mail as the patient sees it, follow its link in a browser without a login, and unsubscribe."""
    page.locator(".mailbox-row:has(.ti-mail) .mailbox-subject").first.click()
    letter = page.frame_locator(".letter-frame iframe")
    letter.locator("text=Для Анны").wait_for()
    assert "KONTUR10" in letter.locator("body").inner_text()
    link = letter.locator("a[href*='/u/']").get_attribute("href")
    caught = CaughtMessage.objects.get(pk=re.findall(r"/(\d+)/$", page.url)[0])
    message = Message.objects.get(pk=caught.message_id or 0)
    assert message.campaign_id == campaign.pk
    context = browser.new_context(locale="ru-RU", viewport={"width": 390, "height": 780}, is_mobile=True)
    patient = context.new_page()
    patient.goto(link)
    patient.reload()
    words = Consent.objects.filter(patient=message.patient, channel="email", until=None)
    assert words.get().granted and not Suppression.objects.exists(), "looking changes nothing"
    patient.click("button[value=unsubscribe]")
    patient.wait_for_selector("button[value=undo]")
    context.close()
    assert not words.get().granted
    assert Suppression.objects.filter(channel="email", message_id=message.pk).exists()
    page.reload()
    with translation.override("ru"):
        page.locator(".letter-events li", has_text=str(MessageEvent.Kind.UNSUBSCRIBED.label)).wait_for()
    return message


def next_campaign_leaves_out(page: Any, address: str, campaign: Campaign, message: Message, before: int) -> None:
    page.goto(f"{address}{reverse('campaign', args=[campaign.pk])}")
    if page.locator("form[action$='/do/copy/'] button").first.is_hidden():
        page.locator(".page-head .dropdown > button").last.click()
    page.locator("form[action$='/do/copy/'] button").first.click()
    page.wait_for_url("**/edit/when/")
    next_step(page, "check")
    page.wait_for_selector(".check-sentence")
    assert number_of(page, "no_consent") == before + 1
    page.locator("#check .bars a[href$='?reason=no_consent']").click()
    page.wait_for_url("**/people/**")
    assert str(message.patient) in page.inner_text("main")


def a_month_passes(campaign: Campaign) -> None:
    """What the campaign has written happened so many days earlier."""
    with connection.cursor() as cursor:
        for table, columns, where in (
            ("campaigns_messageevent", ("at",), "message_id IN (SELECT id FROM campaigns_message)"),
            ("campaigns_message", ("planned_at", "due_at", "claimed_at", "sent_at"), "campaign_id IS NOT NULL"),
            ("campaigns_campaign", ("created_at", "launched_at", "planned_at", "ended_at"), "launched_at IS NOT NULL"),
        ):
            moved = ", ".join(f"{column} = {column} - %s::interval" for column in columns)
            cursor.execute(f"UPDATE {table} SET {moved} WHERE {where}", [f"{MONTH.days} days"] * len(columns))


def come_back(world: Year, mis: Mis, campaign: Campaign) -> tuple[float, float]:
    """Nearly half of those written to come, and one in eight of the others; posted by the MIS, in another order."""
    shares = []
    for states, every in ((["sent", "failed"], 2), (["holdout"], 8)):
        group = sorted(keys_of(Message.objects.filter(campaign=campaign, state__in=states)))
        came = [key for number, key in enumerate(group) if number % every == 1]
        for number, key in enumerate(came):
            world.visit(key, world.today - MONTH + dt.timedelta(days=2 + number % 25), CORRECTION)
        shares.append(len(came) / len(group))
    new = world.visits[-(sum(1 for visit in world.visits if visit["items"][0]["service"] == CORRECTION)) :]
    assert mis.post("visits", new)["rejected"] == []
    return shares[0], shares[1]


def test_the_correction_from_the_wizard_to_an_honest_uplift(
    world: Year, mis: Mis, catcher: None, celery_worker_process: Any, marketer: Any, live_server: Any, browser: Any,
    process_environment: dict[str, str],
) -> None:  # fmt: skip
    address, wanted = live_server.url, world.wanted()
    write_offer(marketer, address)
    write_template(marketer, address)
    campaign = make_in_the_wizard(marketer, address, world)
    assert number_of(marketer, "") + number_of(marketer, "holdout") == len(wanted)
    told = {reason: number_of(marketer, reason) for reason in ("other_branch", "no_consent", "goal_met")}
    assert told == {"other_branch": 10, "no_consent": 10, "goal_met": 6}
    promised = number_of(marketer, "")

    launch(marketer, address, campaign)
    assert dispatched(campaign)
    marketer.wait_for_selector("#progress:not([hx-get])")  # the page has seen by itself that it is over
    rows = Message.objects.filter(campaign=campaign)
    sent, held = keys_of(rows.filter(state="sent")), keys_of(rows.filter(state="holdout"))
    assert sent | held == set(wanted) and not sent & held and len(sent) == promised
    address_of = {one["external_id"]: one["email"] or one["phone"] for one in world.patients}
    eventually(lambda: CaughtMessage.objects.count() == len(sent))
    shown = mailbox(marketer, address, campaign)
    digits = {re.sub(r"\D", "", text) if "@" not in text else text for text in shown}
    assert len(shown) == len(sent)
    assert digits == {address_of[key] if "@" in address_of[key] else address_of[key][1:] for key in sent}

    marketer.goto(f"{address}{reverse('mailbox')}?campaign={campaign.pk}")
    refused = read_and_refuse(marketer, browser, campaign)
    next_campaign_leaves_out(marketer, address, campaign, refused, told["no_consent"])

    a_month_passes(campaign)
    treated, holdout = come_back(world, mis, campaign)
    subprocess.run(
        [sys.executable, "manage.py", "nightly", "--as-of", world.today.isoformat()],
        cwd=state.BASE_DIR, env=process_environment, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    marketer.goto(f"{address}{reverse('campaign_results', args=[campaign.pk])}")
    said = marketer.inner_text(".result-headline")
    assert marketer.locator(".result-line.is-gain").count() == 1, said
    assert wording.share(treated, 1) in said and wording.share(holdout, 1) in said
    low, high = (
        float(text.replace(",", ".").replace("−", "-")) for text in re.findall(r"([+−]?\d+,\d)\D", said)[-2:]
    )  # fmt: skip
    assert 0 < low < 100 * (treated - holdout) < high
    marketer.wait_for_selector("[data-chart][data-drawn]")

    cards = {
        wanted_key: marketer_reads_card(marketer, address, wanted_key)
        for wanted_key in (min(sent), min(held), world.patients[243]["external_id"])
    }
    assert all("Коррекция, Таганка" in words for words in cards.values())


def marketer_reads_card(page: Any, address: str, key: str) -> str:
    patient = Patient.objects.get(source__code="mis", external_id=key)
    page.goto(f"{address}{reverse('patient', args=[patient.pk])}")
    return str(page.locator("#messages").text_content())


def test_a_second_person_approves_what_the_first_submitted(
    marketer: Any, live_server: Any, browser: Any, clinic: None
) -> None:
    policy(approval=True)
    make_patients(6)
    campaign = make_campaign(name="Осень", steps_saved=5, holdout_percent=0)
    page = reverse("campaign", args=[campaign.pk])
    marketer.goto(f"{live_server.url}{reverse('campaign_edit', args=[campaign.pk, 'launch'])}")
    marketer.locator(".launch-box button[type=submit]").click()
    marketer.wait_for_url(f"**{page}")
    campaign.refresh_from_db()
    assert campaign.state == "waiting" and not Message.objects.exists()
    assert marketer.locator("form[action$='/do/approve/']").count() == 0
    assert marketer.locator("a[href$='/do/reject/']").count() == 1

    context = browser.new_context(locale="ru-RU")
    colleague = context.new_page()
    log_in(colleague, live_server.url, "colleague")
    colleague.goto(f"{live_server.url}{page}")
    assert "marketer" in colleague.inner_text(".launch-box")
    colleague.locator("a[href$='/do/reject/']").click()
    colleague.fill("textarea[name=note]", "Поправьте срок")
    colleague.locator("main form button[type=submit]").first.click()
    colleague.wait_for_url(f"**{page}")
    marketer.goto(f"{live_server.url}{page}")
    assert "Поправьте срок" in marketer.inner_text("main")

    marketer.goto(f"{live_server.url}{reverse('campaign_edit', args=[campaign.pk, 'launch'])}")
    marketer.locator(".launch-box button[type=submit]").click()
    marketer.wait_for_url(f"**{page}")
    colleague.goto(f"{live_server.url}{page}")
    colleague.locator("form[action$='/do/approve/'] button").click()
    colleague.wait_for_url(f"**{page}")
    context.close()
    call_command("plan")
    campaign.refresh_from_db()
    assert (campaign.state, str(campaign.submitted_by), str(campaign.approved_by)) == (
        "running", "marketer", "colleague"
    )  # fmt: skip
    assert Message.objects.filter(campaign=campaign, state=State.PLANNED).count() == 6

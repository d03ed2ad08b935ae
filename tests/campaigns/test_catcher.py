"""The whole loop of a local installation: channels, catcher, mailbox page, and the world outside that answers."""

import datetime
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from campaigns.channels.base import Envelope, Status
from campaigns.models import CaughtMessage, ChannelAccount, Message, MessageEvent, Suppression
from campaigns.services.sending import account_trials, accounts
from clinic_crm.local import state
from tests.campaigns.channel_contract import send
from tests.campaigns.making import make_campaign, make_message, make_patients, make_user
from tests.campaigns.smtp_peer import free_port

pytestmark = pytest.mark.django_db(transaction=True)
HTML = "<html><head></head><body><script>alert(1)</script><a href='https://clinic.example/l/1'>Записаться</a></body></html>"


@pytest.fixture
def catcher(live_server: LiveServer, settings: Any, transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """The command itself in its own process, writing into the database of the tests."""
    mail, sms = free_port(), free_port()
    code = (
        "import os, sys, django; from django.conf import settings; django.setup();"
        f"settings.DATABASES['default']['NAME'] = {connection.settings_dict['NAME']!r};"
        "from django.core.management import call_command;"
        f"call_command('catcher', smtp_port={mail}, sms_port={sms}, portal={live_server.url!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=state.BASE_DIR, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"catching" in process.stdout.readline()
    settings.CATCHER_SMTP_URL = f"smtp://127.0.0.1:{mail}"
    settings.CATCHER_SMS_URL = f"http://127.0.0.1:{sms}/sms"
    accounts.ensure()
    yield process
    process.terminate()
    assert process.wait(20) == 0


def until(true: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def mail(message: Message, local: str = "anna") -> Envelope:
    return Envelope(
        message.pk, f"m{message.pk}", f"{local}@example.org", subject="Коррекция — пора", text="Ждём вас", html=HTML,
        headers={"List-Unsubscribe": "<http://testserver/u/x>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )  # fmt: skip


def messages(count: int, channel: str = "email", **more: Any) -> list[Message]:
    return [make_message(patient, channel=channel, **more) for patient in make_patients(count)]


def test_a_mail_is_seen_as_the_patient_would_see_it(catcher: Any, client: Client) -> None:
    campaign = make_campaign()
    (message,) = messages(1, campaign=campaign)
    (receipt,) = send(accounts.channel("email"), [mail(message)])
    assert receipt.status == Status.ACCEPTED
    caught = until(lambda: CaughtMessage.objects.first())
    assert (caught.to, caught.subject, caught.message_id) == ("anna@example.org", "Коррекция — пора", message.pk)
    client.force_login(make_user("reader"))
    page = client.get(f"/campaigns/mailbox/?campaign={campaign.pk}").content.decode()
    assert "Коррекция — пора" in page and campaign.name in page
    assert "anna@example.org" not in page  # no permission to see contacts
    body = client.get(f"/campaigns/mailbox/{caught.pk}/body/")
    assert "sandbox" in body["Content-Security-Policy"] and "script-src" not in body["Content-Security-Policy"]
    assert body["X-Frame-Options"] == "SAMEORIGIN"
    assert '<base target="_blank">' in body.content.decode()
    letter = client.get(f"/campaigns/mailbox/{caught.pk}/").content.decode()
    assert 'action="http://testserver/u/x"' in letter and "alert(1)" not in letter
    assert "Ждём вас" in client.get(f"/campaigns/mailbox/{caught.pk}/?look=plain").content.decode()
    assert "List-Unsubscribe-Post" in client.get(f"/campaigns/mailbox/{caught.pk}/?look=headers").content.decode()


def test_a_text_message_comes_with_its_delivery_report(catcher: Any, client: Client) -> None:
    (message,) = messages(1, "sms")
    one = Envelope(message.pk, f"m{message.pk}", "+79161234567", text="Ждём вас: https://clinic.example/l/1")
    (receipt,) = send(accounts.channel("sms"), [one])
    Message.objects.filter(pk=message.pk).update(provider_id=receipt.provider_id)
    assert until(lambda: MessageEvent.objects.filter(message=message, kind="delivered").exists())
    caught = CaughtMessage.objects.get()
    client.force_login(make_user("reader"))
    assert "https://clinic.example/l/1" in client.get(f"/campaigns/mailbox/{caught.pk}/").content.decode()


def test_addresses_that_fail_do_as_they_are_called(catcher: Any) -> None:
    found = messages(6)
    names = ["anna.bounce", "later", "full+x", "blocked", "silent", "slater"]
    receipts = send(accounts.channel("email"), [mail(one, name) for one, name in zip(found, names, strict=True)])
    assert [(receipt.status, receipt.bounce) for receipt in receipts] == [
        (Status.REFUSED, True), (Status.POSTPONED, False), (Status.REFUSED, False), (Status.REFUSED, False),
        (Status.UNKNOWN, False), (Status.ACCEPTED, False),
    ]  # fmt: skip


def test_a_complaint_and_a_late_bounce_come_back_and_suppress(catcher: Any) -> None:
    spam, gone = messages(2)
    send(accounts.channel("email"), [mail(spam, "spam"), mail(gone, "gone")])
    assert until(lambda: Suppression.objects.count() == 2)
    assert dict(Suppression.objects.values_list("message_id", "reason")) == {spam.pk: "complaint", gone.pk: "bounce"}


def test_only_the_newest_are_kept_and_none_is_lost_at_the_end(transactional_db: None) -> None:
    from campaigns.catcher.storage import Caught, Store

    store = Store(keep=1_000)
    store.start()
    for number in range(2_600):
        store.put(Caught("email", f"p{number}@example.org", "a\x00b", b"raw"))
    store.stop()
    assert store.written == 2_600
    kept = set(CaughtMessage.objects.values_list("to", flat=True))
    assert "p2599@example.org" in kept
    assert 1_000 <= len(kept) <= 1_600


def test_a_test_message_of_the_administrator_arrives(catcher: Any) -> None:
    from django.utils import timezone

    account = ChannelAccount.objects.get(channel="email")
    assert account_trials.connection_problem(account) == ""
    taken, words = account_trials.send_test(account, "admin@example.org", timezone.now())
    assert taken and words
    assert until(lambda: CaughtMessage.objects.filter(to="admin@example.org").exists())


def test_accounts_of_a_local_installation_point_at_the_catcher(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMAIL_URL", "SMSRU_API_ID", "SMSC_API_KEY", "EXOLVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    accounts.ensure()
    accounts.ensure()
    assert dict(ChannelAccount.objects.values_list("channel", "params__provider")) == {
        "email": "catcher", "sms": "catcher", "call": None,
    }  # fmt: skip
    assert accounts.catcher_is_needed()
    ChannelAccount.objects.filter(channel="sms").update(sender="ZDOROVIE")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example:25")
    monkeypatch.setenv("SMSC_API_KEY", "k")
    accounts.ensure()
    assert not accounts.catcher_is_needed()
    email, sms = ChannelAccount.objects.get(channel="email"), ChannelAccount.objects.get(channel="sms")
    assert (email.params, sms.params, sms.sender) == ({"provider": "smtp"}, {"preset": "smsc"}, "ZDOROVIE")


def test_a_channel_without_an_account_says_what_to_do(db: None) -> None:
    with pytest.raises(accounts.NotConfigured):
        accounts.channel("email")
    accounts.ensure()
    ChannelAccount.objects.update(active=False)
    with pytest.raises(accounts.NotConfigured):
        accounts.channel("email")
    ChannelAccount.objects.update(active=True)
    with pytest.raises(ValueError, match="provider"):
        accounts.channel("email")  # no catcher runs here


def test_strangers_see_no_mailbox(client: Client, db: None) -> None:
    assert client.get("/campaigns/mailbox/").status_code == 302
    client.force_login(make_user("stranger", "campaigns.view_campaign"))
    assert client.get("/campaigns/mailbox/").status_code == 403


def test_an_empty_mailbox_says_what_to_do_first(client: Client, db: None) -> None:
    client.force_login(make_user("reader"))
    accounts.ensure()
    answer = client.get("/campaigns/mailbox/")
    assert answer.status_code == 200
    assert "/campaigns/new/" in answer.content.decode()
    assert settings.CATCHER_SMTP_URL == ""


def test_the_mailbox_makes_a_fixed_number_of_queries(
    client: Client, db: None, django_assert_max_num_queries: Any
) -> None:
    campaign = make_campaign()
    for message in messages(30, campaign=campaign):
        CaughtMessage.objects.create(channel="email", to="a@b.ru", raw=b"x", message_id=message.pk)
    client.force_login(make_user("reader"))
    with django_assert_max_num_queries(16):
        client.get("/campaigns/mailbox/")


def test_an_empty_mailbox_says_how_many_messages_wait_for_the_morning(client: Client, db: None) -> None:
    client.force_login(make_user())
    now = timezone.now()
    assert "mailbox-waiting" not in client.get("/campaigns/mailbox/").content.decode()
    for stands, hours in (("planned", 3), ("deferred", 5), ("planned", -1), ("sent", 3)):
        make_message(make_patients(1)[0], at=now + datetime.timedelta(hours=hours), state=stands)
    page = client.get("/campaigns/mailbox/")
    assert page.context["waiting"].startswith("2 ") and "mailbox-waiting" in page.content.decode()
    assert not client.get("/campaigns/mailbox/?channel=sms").context["waiting"]

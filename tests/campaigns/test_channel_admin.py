"""The settings of a channel in the administration: fields, complaints at the field, trying it out."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from campaigns.channels.base import Status
from campaigns.models import ChannelAccount
from campaigns.services.sending import accounts
from tests.campaigns.channel_contract import SECRET, Fate, envelope, send
from tests.campaigns.http_peer import HttpPeer
from tests.campaigns.making import make_user
from tests.campaigns.smtp_peer import SmtpPeer

LIMITS = {"active": "on", "per_second": "50", "price": "1", "warm_up_start": "500", "warm_up_growth": "1.5"}


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    accounts.ensure()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.org"))
    return client


@pytest.fixture
def peer() -> Iterator[SmtpPeer]:
    server = SmtpPeer()
    yield server
    server.stop()


def url(channel: str, action: str = "change") -> str:
    return f"/admin/campaigns/channelaccount/{ChannelAccount.objects.get(channel=channel).pk}/{action}/"


def email(at: int, **more: str) -> dict[str, str]:
    sender = "Клиника <news@clinic.example>"
    return {
        **LIMITS,
        "provider": "smtp",
        "host": "127.0.0.1",
        "port": str(at),
        "sender": sender,
        "verify": "on",
        **more,
    }


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors) if answer.context and "adminform" in answer.context else {}


def test_fields_become_settings_that_send(admin: Client, peer: SmtpPeer) -> None:
    answer = admin.post(url("email"), email(peer.port, connections="2", bounce_address="b@clinic.example"))
    assert answer.status_code == 302, errors(answer)
    account = ChannelAccount.objects.get(channel="email")
    assert account.params == {
        "provider": "smtp", "host": "127.0.0.1", "port": peer.port, "connections": 2,
        "bounce_address": "b@clinic.example",
    }  # fmt: skip
    assert send(accounts.channel("email"), [envelope(peer, 1)])[0].status == Status.ACCEPTED
    page = admin.get(url("email")).content.decode()
    assert 'value="127.0.0.1"' in page and "&lt;news@clinic.example&gt;" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [("sender", "nobody"), ("port", "70000"), ("bounce_address", "x"), ("connections", "99"), ("user", "clinic")],
)
def test_what_is_wrong_is_told_at_its_field(
    admin: Client, peer: SmtpPeer, monkeypatch: pytest.MonkeyPatch, field: str, value: str
) -> None:
    monkeypatch.delenv("EMAIL_PASSWORD", raising=False)
    answer = admin.post(url("email"), email(peer.port, **{field: value}))
    assert answer.status_code == 200
    assert list(errors(answer)) == ["password_env" if field == "user" else field]
    assert ChannelAccount.objects.get(channel="email").params["provider"] == "catcher"


def test_an_account_that_is_off_may_be_unfinished(admin: Client) -> None:
    unfinished = {name: value for name, value in email(25).items() if name not in ("active", "host")}
    assert admin.post(url("email"), unfinished).status_code == 302


def test_a_gateway_is_chosen_by_its_name(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMSC_API_KEY", raising=False)
    form = {**LIMITS, "sender": "CLINIC", "preset": "smsc", "own": '{"timeout": 9}'}
    answer = admin.post(url("sms"), form)
    assert "SMSC_API_KEY" in str(errors(answer))
    monkeypatch.setenv("SMSC_API_KEY", SECRET)
    assert admin.post(url("sms"), {**form, "own": '{"connections": 2}', "timeout": "9"}).status_code == 302
    assert ChannelAccount.objects.get(channel="sms").params == {"preset": "smsc", "timeout": 9, "connections": 2}
    assert SECRET not in admin.get(url("sms")).content.decode()


@pytest.mark.parametrize("own", ["{", "[]", '{"fields": {"to": "{to}"}}', '{"url": "x"}', '{"nonsense": 1}'])
def test_own_settings_of_a_gateway_are_checked(admin: Client, own: str) -> None:
    answer = admin.post(url("sms"), {**LIMITS, "sender": "CLINIC", "preset": "", "own": own})
    assert answer.status_code == 200
    assert errors(answer)


def test_going_back_to_the_catcher_forgets_the_server(admin: Client, peer: SmtpPeer, settings: Any) -> None:
    settings.CATCHER_SMTP_URL = f"smtp://127.0.0.1:{peer.port}"
    admin.post(url("email"), email(peer.port))
    assert admin.post(url("email"), {**email(peer.port), "provider": "catcher"}).status_code == 302
    assert ChannelAccount.objects.get(channel="email").params == {"provider": "catcher"}


def test_the_connection_is_tried_without_sending(admin: Client, peer: SmtpPeer) -> None:
    admin.post(url("email"), email(peer.port))
    good = admin.get(url("email", "test_connection"), follow=True)
    assert not peer.handler.mails
    assert {message.level_tag for message in good.context["messages"]} == {"success"}
    peer.stop()
    bad = admin.get(url("email", "test_connection"), follow=True)
    assert [message.level_tag for message in bad.context["messages"]] == ["error"]


def test_a_test_goes_to_whoever_asked(admin: Client, peer: SmtpPeer) -> None:
    admin.post(url("email"), email(peer.port))
    assert 'value="root@example.org"' in admin.get(url("email", "send_test")).content.decode()
    assert not peer.handler.mails
    assert admin.post(url("email", "send_test"), {"address": "no address"}).status_code == 200
    sent = admin.post(url("email", "send_test"), {"address": "taken.1@example.org"}, follow=True)
    assert [message.level_tag for message in sent.context["messages"]] == ["success"]
    refused = admin.post(url("email", "send_test"), {"address": "nobody.1@example.org"}, follow=True)
    words = [str(message) for message in refused.context["messages"]]
    assert "5.1.1" in words[0] and "@" not in words[0]
    assert peer.received() == {"taken.1@example.org": 1}


def test_a_test_text_message_tells_the_gateways_answer(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = HttpPeer()
    monkeypatch.setenv("GATE_TOKEN", SECRET)
    channel = gate.channel()
    assert channel.check() == ""
    params = {
        "url": f"{gate.url}/send", "format": "json", "fields": {"to": "{to}", "text": "{text}"},
        "success_path": "result.state", "success_value": "ok", "error_paths": ["error.code"], "refused": ["stop_word"],
    }  # fmt: skip
    ChannelAccount.objects.filter(channel="sms").update(params=params)
    taken = admin.post(url("sms", "send_test"), {"address": "8 916 000 00 00"}, follow=True)
    refused = admin.post(url("sms", "send_test"), {"address": gate.address(1, Fate.REFUSED)}, follow=True)
    gate.stop()
    assert [message.level_tag for message in taken.context["messages"]] == ["success"]
    assert "stop_word" in str(next(iter(refused.context["messages"])))


def test_only_those_who_may_change_channels_try_them(client: Client, db: None, peer: SmtpPeer) -> None:
    accounts.ensure()
    reader = make_user("reader", "campaigns.view_channelaccount")
    reader.is_staff = True
    reader.save()
    client.force_login(reader)
    assert client.post(url("email", "send_test"), {"address": "taken.1@example.org"}).status_code == 403
    assert client.post(url("email"), email(peer.port)).status_code == 403
    assert not peer.handler.mails

"""From the account of a channel to the channel itself, and the accounts of a local installation."""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.channels import CHANNELS
from campaigns.channels.base import Channel as ChannelKind
from campaigns.channels.call import CallChannel
from campaigns.channels.reading import SettingError
from campaigns.channels.sms_presets import real_presets, secrets_of
from campaigns.models import Channel, ChannelAccount
from campaigns.services.calling import calls

CATCHER = "catcher"
# The bounce mailbox makes every return path name its message: the mailbox page finds the campaign by it.
_CAUGHT: dict[str, dict[str, Any]] = {
    Channel.EMAIL: {"provider": CATCHER, "bounce_address": "bounces@localhost.localdomain"},
    Channel.SMS: {"provider": CATCHER},
}
_SENDERS: dict[str, str] = {Channel.EMAIL: "Clinic <clinic@localhost.localdomain>", Channel.SMS: "CLINIC"}
_PRICES: dict[str, Decimal] = {
    Channel.EMAIL: Decimal("0.10"),
    Channel.SMS: Decimal("4.50"),
    Channel.CALL: Decimal("60"),
}


class NotConfigured(ValueError):
    """The channel has no account, or it is switched off."""


def channel(code: str) -> ChannelKind:
    """The channel as its account says. ValueError (NotConfigured, SettingError) in words when it cannot send."""
    account = ChannelAccount.objects.filter(channel=code).first()
    if account is None:
        raise NotConfigured(_("The channel has no account yet: Administration, Channels."))
    if not account.active:
        raise NotConfigured(_("The channel is switched off: Administration, Channels."))
    return build(account)


def build(account: ChannelAccount) -> ChannelKind:
    """The channel of this account, saved or not; SettingError names the setting that is wrong."""
    kind = CHANNELS.get(account.channel)
    if kind is None:
        raise NotConfigured(_("There is no such channel: %(code)s.") % {"code": account.channel})
    built = kind.from_settings(_params(account), account.sender, account.reply_to, environment())
    if account.channel == Channel.CALL:
        return CallChannel(calls.put_tasks)
    return built


def environment() -> Mapping[str, str]:
    """Where channels read their secrets."""
    return {**os.environ, "SECRET_KEY": settings.SECRET_KEY}


def ensure() -> None:
    """An account for every channel that has none: the real provider when the environment names one, else the catcher.

    An account that points at the catcher follows the environment to the real provider: the catcher does not run then.
    Everything else a person has set stays as it is.
    """
    for code, params in _given_by_environment().items():
        fresh = {"params": params or _CAUGHT[code], "sender": _SENDERS[code], "price": _PRICES[code]}
        account, created = ChannelAccount.objects.get_or_create(channel=code, defaults=fresh)
        if not created and params and account.params.get("provider") == CATCHER:
            account.params = params
            account.save(update_fields=["params"])
    ChannelAccount.objects.get_or_create(channel=Channel.CALL, defaults={"price": _PRICES[Channel.CALL]})


def catcher_is_needed() -> bool:
    """Whether the environment leaves a channel without a real provider."""
    return not all(_given_by_environment().values())


def _given_by_environment() -> dict[str, dict[str, Any]]:
    return {
        Channel.EMAIL: {"provider": "smtp"} if os.environ.get("EMAIL_URL") else {},
        Channel.SMS: next(
            ({"preset": name} for name in real_presets() if all(os.environ.get(key) for key in secrets_of(name))), {}
        ),
    }


def _params(account: ChannelAccount) -> dict[str, Any]:
    params = dict(account.params or {})
    if params.get("provider") != CATCHER:
        return params
    del params["provider"]
    url = settings.CATCHER_SMTP_URL if account.channel == Channel.EMAIL else settings.CATCHER_SMS_URL
    place = urlsplit(url)
    if not place.hostname:
        raise SettingError("provider", _("the catcher does not run here: start the portal with `make run`."))
    if account.channel == Channel.EMAIL:
        return {**params, "host": place.hostname, "port": place.port, "tls": "none"}
    return {**params, "preset": CATCHER, "url": url}

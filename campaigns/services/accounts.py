"""From the account of a channel to the channel itself, and the accounts of a local installation."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.channels import CHANNELS
from campaigns.channels.base import Channel as ChannelKind
from campaigns.channels.call import CallChannel
from campaigns.channels.reading import SettingError
from campaigns.models import Channel, ChannelAccount
from campaigns.services import calls

CATCHER = "catcher"


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


def _params(account: ChannelAccount) -> dict[str, Any]:
    params = dict(account.params or {})
    if params.get("provider") != CATCHER:
        return params
    del params["provider"]
    if account.channel == Channel.EMAIL:
        place = urlsplit(settings.CATCHER_SMTP_URL)
        if not place.hostname:
            raise SettingError("provider", _("the catcher does not run here: start the portal with `make run`."))
        return {**params, "host": place.hostname, "port": place.port, "tls": "none"}
    return params

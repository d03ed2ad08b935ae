"""Trying an account out: does the provider let us in, does a message get through. The answer is words for a person."""

import datetime as dt

from django.utils.translation import gettext as _

from campaigns.channels.base import Envelope, Receipt, Status
from campaigns.models import Channel, ChannelAccount
from campaigns.services.consents.suppressions import readable
from campaigns.services.sending import accounts


class NotAnAddress(ValueError):
    """What was typed is no address of this channel."""


def connection_problem(account: ChannelAccount) -> str:
    """What keeps the account from sending; empty when nothing does. Sends nothing."""
    try:
        return accounts.build(account).check()
    except ValueError as problem:
        return str(problem)


def send_test(account: ChannelAccount, address: str, now: dt.datetime) -> tuple[bool, str]:
    """Send a message that says it is a test; whether it was taken, and the provider's answer in words."""
    to = readable(account.channel, address)
    if to is None:
        raise NotAnAddress(
            _("This is no e-mail address.") if account.channel == Channel.EMAIL else _("This is no telephone number.")
        )
    try:
        with accounts.build(account).open() as session:
            receipts = list(session.send([_test(to, now)]))
    except (ValueError, ConnectionError) as problem:
        return False, str(problem)
    return receipts[0].status == Status.ACCEPTED, _in_words(receipts[0])


def _test(to: str, now: dt.datetime) -> Envelope:
    text = _("This is a test of the clinic's portal. If you can read it, the channel works.")
    # Message 0 is nobody's: what comes back about it is passed over.
    return Envelope(
        0, f"test-{now.timestamp():.6f}", to, subject=_("Test of the channel"), text=text, html=f"<p>{text}</p>"
    )


def _in_words(receipt: Receipt) -> str:
    said = {
        Status.ACCEPTED: _("The provider took the message."),
        Status.REFUSED: _("The provider refused this message: %(words)s"),
        Status.POSTPONED: _("The provider asks to try later: %(words)s"),
        Status.FAILED: _("The provider does not let us send: %(words)s"),
        Status.UNKNOWN: _("The provider did not answer, the message may have been sent: %(words)s"),
    }[receipt.status]
    return said % {"words": receipt.error} if "%(" in said else said

"""Sending what is due on a channel: claim, ask the gate again, write the text, hand over, note the answer.

    preparer thread          coordinator (the caller's thread)              sender threads
    claims, gate, texts ──►  limits; one transaction per lot:           ──► a session each
                             answers of the last lot are written, and   ◄── answers
                             the next one is noted as being handed over

Nothing is handed over before a committed row says so: a process killed anywhere leaves at most the lots in the
senders' hands `unknown`, and everything else it had claimed is planned again. See docs/dispatch.md.
"""

import time
from collections.abc import Callable
from datetime import datetime

from django.db import connection

from campaigns.models import ChannelAccount
from campaigns.services.sending import accounts, claims, limits, recovery
from campaigns.services.sending.coordinating import Coordinator, Report

__all__ = ["Report", "run"]
NO_VALKEY = "Valkey does not answer: nothing is sent without its limits."


def run(
    channel_code: str, now_fn: Callable[[], datetime], limit: int | None = None, seconds: float | None = None
) -> Report:
    """Send what is due on the channel, at most `limit` messages, for about `seconds`.

    Commits as it goes. Any number of processes may do this for the same channel at once.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Dispatch commits as it goes: call it outside of a transaction.")
    deadline = None if seconds is None else time.monotonic() + seconds
    recovery.sweep(now_fn())
    report = Report()
    while claims.anything_due(channel_code, now_fn()):
        left = None if limit is None else limit - report.claimed
        if left == 0 or (deadline and time.monotonic() >= deadline):
            break
        found = _one(channel_code, now_fn, left, deadline)
        report.add(found)
        # Declared dead while it was cut off from the database: a new dispatcher goes on.
        if not found.taken_over:
            break
    return report


def _one(channel_code: str, now_fn: Callable[[], datetime], limit: int | None, deadline: float | None) -> Report:
    """The work of one dispatcher."""
    try:
        pause = limits.paused(channel_code)
        channel = accounts.channel(channel_code)
    except limits.Away:
        return Report(note=NO_VALKEY)
    except ValueError as error:
        return Report(note=str(error))
    if pause is not None:
        return Report(note=pause.why)
    account = ChannelAccount.objects.get(channel=channel_code)
    with claims.a_dispatcher() as holding:
        return Coordinator(account, channel, holding, now_fn, limit, deadline).go()

"""Writing into the ledger what came of messages a dispatcher had claimed: one UPDATE for a whole batch."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db import connection

from campaigns import reasons
from campaigns.channels.base import Receipt, Status
from campaigns.models import Message

State = Message.State
OPEN = (State.PLANNED, State.DEFERRED)
REACHED = (State.SENT, State.UNKNOWN)
# What the re-check right before sending found out for good; every other reason of the gate suppresses.
_STATE_OF = {
    reasons.LATE: State.EXPIRED,
    reasons.GOAL_MET: State.CANCELLED,
    reasons.WITHDRAWN: State.CANCELLED,
    reasons.GONE: State.CANCELLED,
    reasons.STOPPED: State.CANCELLED,
}
# A provider that says "later" is asked again after so many minutes, then it has failed.
_PAUSES = (1, 3, 10, 30, 60, 120, 240)
MOST_ATTEMPTS = len(_PAUSES) + 1
_LONGEST_PAUSE = 86_400.0  # seconds, whatever the provider says


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new state of a claimed row. `handed`: the provider was asked; otherwise the attempt does not count."""

    message_id: int
    state: str
    reason: str = ""
    due_at: datetime.datetime | None = None
    sent_at: datetime.datetime | None = None
    provider_id: str = ""
    error: str = ""
    parts: int = 0
    cost: Decimal = Decimal(0)
    handed: bool = True


def put_back(message_ids: Iterable[int]) -> list[Outcome]:
    """Claimed and certainly not sent: planned again, as if nothing had been."""
    return [Outcome(message_id, State.PLANNED, handed=False) for message_id in message_ids]


def of_verdict(message_id: int, reason: str, due_at: datetime.datetime | None) -> Outcome:
    """What the gate decided right before sending: with a time it waits until then, without it is final."""
    state = State.DEFERRED if due_at else _STATE_OF.get(reason, State.SUPPRESSED)
    return Outcome(message_id, state, reason, due_at=due_at, handed=False)


def not_rendered(message_id: int, error: str) -> Outcome:
    return Outcome(message_id, State.FAILED, reasons.NOT_RENDERED, error=error[:200], handed=False)


def of_receipt(receipt: Receipt, now: datetime.datetime, attempts: int, parts: int, price: Decimal) -> Outcome:
    """What the provider's answer means for the row, on this attempt."""
    outcome = _answered(receipt, now, attempts)
    error = receipt.error.replace("\x00", "")[:200]
    outcome = replace(outcome, provider_id=receipt.provider_id[:120], error=error)
    # What may have been sent is paid for, and counts for the caps.
    return replace(outcome, sent_at=now, parts=parts, cost=parts * price) if outcome.state in REACHED else outcome


def _answered(receipt: Receipt, now: datetime.datetime, attempts: int) -> Outcome:
    number = receipt.message_id
    if receipt.status == Status.ACCEPTED:
        return Outcome(number, State.SENT)
    if receipt.status == Status.UNKNOWN:
        return Outcome(number, State.UNKNOWN, reasons.NO_ANSWER)
    if receipt.status == Status.REFUSED:
        return Outcome(number, State.FAILED, reasons.REFUSED)
    if receipt.status == Status.POSTPONED and attempts < MOST_ATTEMPTS:
        seconds = max(receipt.retry_after or 0.0, _PAUSES[max(attempts, 1) - 1] * 60.0)
        later = now + datetime.timedelta(seconds=min(seconds, _LONGEST_PAUSE))
        return Outcome(number, State.DEFERRED, reasons.NOT_ACCEPTED_YET, due_at=later)
    return Outcome(number, State.FAILED, reasons.CHANNEL_FAILED)


# The states stand in a CASE so that no index of a state fits: only the look at each id is left. With old statistics
# the database would read all that was sent, for every lot anew.
_SETTLE = """
UPDATE campaigns_message m SET
    state = CASE WHEN now.stopped THEN 'cancelled' ELSE now.state END,
    reason = CASE WHEN now.stopped THEN 'stopped' ELSE now.reason END,
    due_at = COALESCE(now.due_at, m.due_at), sent_at = now.sent_at, provider_id = now.provider_id, error = now.error,
    parts = now.parts, cost = m.cost + now.cost, attempts = GREATEST(m.attempts - now.unused, 0),
    dispatcher_id = CASE WHEN now.state IN ('planned', 'deferred') THEN NULL ELSE m.dispatcher_id END
FROM (
    SELECT r.*, r.state IN ('planned', 'deferred') AND COALESCE(c.state IN ('stopped', 'finished'), FALSE) AS stopped
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[],
        %s::int[], %s::numeric[], %s::int[])
        AS r(id, state, reason, due_at, sent_at, provider_id, error, parts, cost, unused)
    JOIN campaigns_message known ON known.id = r.id
    LEFT JOIN campaigns_campaign c ON c.id = known.campaign_id
) now
WHERE m.id = now.id AND m.dispatcher_id = %s
    AND CASE m.state WHEN 'sending' THEN true WHEN 'unknown' THEN m.reason = %s ELSE false END
"""
# Stopping a campaign cancels what is open in it. A row that opens again at the same moment must not slip through: it
# waits for the stop to be committed and sees it, or the stop waits and sees the row.
_LOCK_CAMPAIGNS = """
SELECT FROM campaigns_campaign WHERE id IN (SELECT campaign_id FROM campaigns_message WHERE id = ANY(%s))
ORDER BY id FOR SHARE
"""


def settle(dispatcher_id: int, outcomes: Sequence[Outcome]) -> int:
    """Write them; how many rows were still ours. Inside the caller's transaction; repeated, it changes nothing.

    A row that was declared `unknown` because we seemed dead gets its true state. What opens again in a stopped
    campaign is cancelled. A message sent again by a person's word is paid for again.
    """
    if not outcomes:
        return 0
    ordered = sorted(outcomes, key=lambda outcome: outcome.message_id)
    with connection.cursor() as cursor:
        lock_campaigns([outcome.message_id for outcome in ordered if outcome.state in OPEN])
        cursor.execute(
            _SETTLE,
            [
                [outcome.message_id for outcome in ordered],
                [str(outcome.state) for outcome in ordered],
                [outcome.reason for outcome in ordered],
                [outcome.due_at for outcome in ordered],
                [outcome.sent_at for outcome in ordered],
                [outcome.provider_id for outcome in ordered],
                [outcome.error for outcome in ordered],
                [outcome.parts for outcome in ordered],
                [outcome.cost for outcome in ordered],
                [0 if outcome.handed else 1 for outcome in ordered],
                dispatcher_id,
                reasons.INTERRUPTED,
            ],
        )
        return cursor.rowcount


def lock_campaigns(message_ids: Sequence[int]) -> None:
    """Hold the states of their campaigns until the end of the transaction."""
    if message_ids:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK_CAMPAIGNS, [list(message_ids)])

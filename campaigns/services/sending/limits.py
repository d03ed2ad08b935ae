"""How fast and how much a channel may send: kept in Valkey, shared by all workers, safe when Valkey loses it.

The rate is a token bucket that starts empty: lost with everything in it, it gives nothing away at once. The count of
the day is derived from the ledger whenever its key is missing. Without Valkey nothing is sent (callers wait).
"""

import datetime
import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns import reasons
from campaigns.models import ChannelAccount, Policy
from campaigns.planning.warm_up import Pace

LOT = 32  # messages handed over at a time: as many may be unknown after a crash, per sender and one more
_BUCKET_KEPT = 3600  # seconds; a bucket nobody used for so long starts empty again
_DAY_KEPT = 3 * 86_400
_FURTHEST = 366  # days on which what is over the limit is spread; the rest waits on the last of them
# A channel that cannot be reached is tried again after 30 s, 1, 2, 4 … minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 600
_TROUBLE_KEPT = 3600

# The clock is the server's: those of the workers may differ. Nothing is written before the day is known to have room.
_TAKE = """
local rate, capacity, want, least, limit =
    tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if limit >= 0 then
    local used = redis.call('GET', KEYS[2])
    if not used then return {-1, '0'} end
    want = math.min(want, limit - tonumber(used))
    if want <= 0 then return {-2, '0'} end
else
    redis.call('DEL', KEYS[2])
end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local tokens, known = 0, redis.call('HMGET', KEYS[1], 'tokens', 'at')
if known[1] then
    tokens = math.min(capacity, tonumber(known[1]) + math.max(0, now - tonumber(known[2])) * rate)
end
least = math.min(least, want)
local granted = 0
if tokens >= least then granted = math.min(want, math.floor(tokens)) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - granted), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[6])
if granted > 0 and limit >= 0 then redis.call('INCRBY', KEYS[2], granted) end
return {granted, string.format('%.6f', math.max(0, least - (tokens - granted)) / rate)}
"""
_GIVE_BACK = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECRBY', KEYS[1], ARGV[1]) end"
_DAY_UNKNOWN, _DAY_FULL = -1, -2


class Away(Exception):
    """Valkey does not answer. Nothing may be sent without its limits."""


@dataclass(frozen=True, slots=True)
class Grant:
    """How many may go now; after `wait` seconds more may. `day_full`: no more today."""

    messages: int
    wait: float = 0.0
    day_full: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A channel nothing is taken for until then, and why: the provider's words without address and text."""

    until: datetime.datetime
    why: str


def client() -> redis.Redis:
    """A connection pool per process; answers that do not come are errors soon."""
    global _client
    if _client is None:
        # One repetition at once: the first question on a connection from before a restart is lost.
        _client = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=5, decode_responses=True,
            retry=Retry(NoBackoff(), 1),
        )  # fmt: skip
    return _client


_client: redis.Redis | None = None


def take(account: ChannelAccount, want: int, now: datetime.datetime) -> Grant:
    """Ask for up to `want` messages of this channel. Raises Away."""
    day = timezone.localdate(now)
    limit = allowance(account, day)
    keys = [_key(account.channel, "bucket"), _key(account.channel, f"day:{day}")]
    # Not token by token: every grant is a transaction of the ledger.
    least = max(1, min(LOT, int(account.per_second / 20)))
    arguments = [
        account.per_second, max(1.0, account.per_second / 2, least), want, least, -1 if limit is None else limit,
        _BUCKET_KEPT,
    ]  # fmt: skip
    try:
        for _attempt in range(3):
            granted, wait = client().eval(_TAKE, len(keys), *keys, *arguments)
            if granted != _DAY_UNKNOWN:
                break
            # NX: of two workers who count at the same time the first one's count goes on.
            client().set(keys[1], handed_over(account.channel, day), nx=True, ex=_DAY_KEPT)
        else:
            raise Away("the count of the day does not stay")
    except redis.RedisError as error:
        raise Away(type(error).__name__) from error
    if granted == _DAY_FULL:
        return Grant(0, day_full=True)
    return Grant(int(granted), float(wait))


def give_back(account: ChannelAccount, messages: int, now: datetime.datetime) -> None:
    """So many of the day were taken and not used. Forgotten by a Valkey that is away: the count is too high then."""
    try:
        client().eval(_GIVE_BACK, 1, _key(account.channel, f"day:{timezone.localdate(now)}"), messages)
    except redis.RedisError:
        return


def allowance(account: ChannelAccount, day: datetime.date) -> int | None:
    """How many messages the channel may send on this day; None: no limit."""
    pace = Pace(account.per_day, account.warm_up_from, account.warm_up_start, account.warm_up_growth)
    return pace.on(day)


def handed_over(channel: str, day: datetime.date) -> int:
    """What went out on this day by the ledger, with what is being handed over right now."""
    since = _moment(day, datetime.time.min)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM campaigns_message WHERE channel = %(channel)s AND state IN ('sent', 'unknown')
                    AND claimed_at >= %(since)s AND claimed_at < %(until)s)
                + (SELECT count(*) FROM campaigns_dispatcher d JOIN campaigns_message m ON m.id = ANY(d.handing)
                    WHERE d.ended_at IS NULL AND m.state = 'sending' AND m.channel = %(channel)s
                    AND m.dispatcher_id = d.id)
            """,
            {"channel": channel, "since": since, "until": since + datetime.timedelta(days=1)},
        )
        return int(cursor.fetchone()[0])


_DEFER = """
WITH waiting AS MATERIALIZED (
    SELECT m.id, m.due_at, m.purpose FROM campaigns_message m
    WHERE m.channel = %(channel)s AND m.state IN ('planned', 'deferred') AND m.due_at <= %(now)s
        AND (m.campaign_id IS NULL OR m.campaign_id IN (SELECT id FROM campaigns_campaign WHERE state = 'running'))
    FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT id, row_number() OVER (ORDER BY purpose = 'marketing', due_at, id) AS place FROM waiting
)
UPDATE campaigns_message m SET state = 'deferred', reason = %(reason)s,
    due_at = (%(openings)s::timestamptz[])[LEAST(width_bucket(placed.place, %(bounds)s::bigint[]) + 1, %(days)s)]
FROM placed WHERE m.id = placed.id
"""


def defer_rest(account: ChannelAccount, now: datetime.datetime) -> int:
    """The day is full: what is due waits for the openings of the next days, as many a day as that day allows.

    Service messages come first, then the longest due. Days already promised to later messages are not reckoned with:
    what is too much then is put off again.
    """
    opening: datetime.time = Policy.load().quiet_until
    today = timezone.localdate(now)
    openings, bounds, place = [], [], 1
    for number in range(1, _FURTHEST + 1):
        day = today + datetime.timedelta(days=number)
        room = allowance(account, day)
        openings.append(_moment(day, opening))
        if room is None:
            break
        place += room
        bounds.append(place)
    with connection.cursor() as cursor:
        cursor.execute(
            _DEFER,
            {"channel": account.channel, "now": now, "reason": reasons.DAILY_LIMIT, "openings": openings,
             "bounds": bounds, "days": len(openings)},
        )  # fmt: skip
        return cursor.rowcount


def pause(channel: str, why: str, now: datetime.datetime) -> Pause:
    """Take nothing for this channel for a while, longer each time until something is accepted again."""
    try:
        times = int(client().incr(_key(channel, "trouble")))
        client().expire(_key(channel, "trouble"), _TROUBLE_KEPT)
        seconds = min(_FIRST_PAUSE * 2 ** min(times - 1, 10), _LONGEST_PAUSE)
        found = Pause(now + datetime.timedelta(seconds=seconds), why[:200])
        told = json.dumps({"until": found.until.isoformat(), "why": found.why})
        client().set(_key(channel, "pause"), told, ex=seconds)
    except redis.RedisError:
        return Pause(now + datetime.timedelta(seconds=_FIRST_PAUSE), why[:200])
    return found


def paused(channel: str) -> Pause | None:
    """The pause of this channel, for the pages and for whoever would send. Raises Away."""
    try:
        told = client().get(_key(channel, "pause"))
    except redis.RedisError as error:
        raise Away(type(error).__name__) from error
    if not told:
        return None
    known = json.loads(told)
    return Pause(datetime.datetime.fromisoformat(known["until"]), known["why"])


def works_again(channel: str) -> None:
    """Something was accepted, or a person has changed the settings: no pause, and the next one is short again."""
    try:
        client().delete(_key(channel, "pause"), _key(channel, "trouble"))
    except redis.RedisError:
        return


def _key(channel: str, what: str) -> str:
    return f"campaigns:{channel}:{what}"


def _moment(day: datetime.date, time: datetime.time) -> datetime.datetime:
    return datetime.datetime.combine(day, time, tzinfo=ZoneInfo(settings.TIME_ZONE))

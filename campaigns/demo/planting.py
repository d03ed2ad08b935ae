"""What happened to the messages of the demonstration clinic, and the visits they brought: set-based, decided by hashes.

`{u(name)}` stands for a number of [0, 1) that depends on the seed, the campaign or rule, the name and the `chance` of
the row alone (of a campaign that is the patient, of a rule the patient and the day), so that the same clinic with the
same seed gets the same rows.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from campaigns.models import Campaign, MessageEvent
from campaigns.services.hearing import tracking
from campaigns.services.hearing.tracking import NewEvent

Kind = MessageEvent.Kind


def u(name: str, chance: str = "m.chance") -> str:
    """SQL of a number of [0, 1), the same for the same name and chance."""
    return f"((hashtextextended(%(salt)s || ':{name}:' || {chance}, 0) & 9007199254740991)::float8 / 9007199254740992)"


_SEND = f"""
    UPDATE campaigns_message own SET
        state = CASE WHEN {u("refused")} < 0.008 THEN 'failed' ELSE 'sent' END,
        reason = CASE WHEN {u("refused")} < 0.008 THEN 'refused' ELSE '' END,
        claimed_at = own.due_at, attempts = 1, parts = %(parts)s,
        sent_at = CASE WHEN {u("refused")} < 0.008 THEN NULL
            ELSE own.due_at + make_interval(secs => 30 + 1500 * {u("second")}) END,
        cost = CASE WHEN {u("refused")} < 0.008 THEN 0 ELSE %(parts)s * %(price)s::numeric END,
        provider_id = CASE WHEN {u("refused")} < 0.008 THEN '' ELSE 'demo-' || own.id END
    FROM planted_messages m WHERE m.id = own.id AND own.state = 'planned' AND own.due_at < %(now)s
"""
# (kind, by a machine, part of those sent, hours after sending)
_LIFE: Mapping[str, Sequence[tuple[str, bool, float, float]]] = {
    "email": [
        (Kind.DELIVERED, False, 0.975, 0.01), (Kind.CLICKED, True, 0.06, 0.02),
        (Kind.CLICKED, False, 0.085, 40),
    ],
    "sms": [(Kind.DELIVERED, False, 0.965, 0.02), (Kind.CLICKED, False, 0.05, 20)],
    "call": [],
}  # fmt: skip
_EVENTS = f"""
    INSERT INTO campaigns_messageevent (message_id, kind, at, event_id, machine, detail, received_at)
    SELECT m.id, %(kind)s, own.sent_at + make_interval(secs => 5 + 3600 * %(hours)s * {u("when-%%(kind)s")}),
           'demo:' || %(kind)s || %(machine)s::int || ':' || m.id, %(machine)s, '{{}}', now()
    FROM planted_messages m JOIN campaigns_message own ON own.id = m.id
    WHERE own.state = 'sent' AND {u("does-%%(kind)s")} < %(part)s
      AND own.sent_at + make_interval(secs => 5 + 3600 * %(hours)s * {u("when-%%(kind)s")}) < %(now)s
    ON CONFLICT (event_id) DO NOTHING
"""
_STOPS = f"""
    SELECT m.id, CASE WHEN {u("stop")} < %(gone)s THEN 'bounced' WHEN {u("stop")} < %(gone)s + 0.0006 THEN 'complained'
                 ELSE 'unsubscribed' END, own.sent_at + interval '2 hours'
    FROM planted_messages m JOIN campaigns_message own ON own.id = m.id
    WHERE own.state = 'sent' AND {u("stop")} < %(gone)s + 0.0006 + %(weary)s
      AND own.sent_at + interval '2 hours' < %(now)s
    ORDER BY m.id
"""
_CALLS = f"""
    INSERT INTO campaigns_calltask (message_id, patient_id, branch_id, title, script, due_at, attempts, outcome, note,
                                    done_at, created_at, priority)
    SELECT own.id, own.patient_id, own.branch_id, %(title)s, '', own.due_at, 1,
           (ARRAY['booked', 'thinking', 'thinking', 'refused', 'no_answer', 'no_answer'])[1 + floor(6 * {u("call")})],
           '', own.sent_at + interval '3 hours', own.due_at, 0
    FROM planted_messages m JOIN campaigns_message own ON own.id = m.id WHERE own.state = 'sent'
    ON CONFLICT (message_id) DO NOTHING
"""
_OUTCOMES = """
    INSERT INTO campaigns_messageevent (message_id, kind, at, event_id, machine, detail, received_at)
    SELECT t.message_id, 'outcome', t.done_at, 'demo:outcome:' || t.message_id, false,
           jsonb_build_object('outcome', t.outcome), now()
    FROM campaigns_calltask t JOIN planted_messages m ON m.id = t.message_id WHERE t.done_at IS NOT NULL
    ON CONFLICT (event_id) DO NOTHING
"""

# Those who do not come by themselves, of the group that is to come more often: the treated of a variant, or the
# hold-out of a campaign that did harm.
_IDLE = """
    CREATE TEMP TABLE planted_idle ON COMMIT DROP AS
    SELECT m.id, m.patient_id, m.branch_id, m.patient_id::text AS chance,
        (m.due_at AT TIME ZONE %(zone)s)::date AS due_on
    FROM campaigns_message m
    WHERE m.campaign_id = %(campaign)s
      AND CASE WHEN %(harm)s THEN m.state = 'holdout'
          ELSE m.variant_id = %(variant)s AND m.state IN ('sent', 'failed') END
"""
_ORGANIC = """
    SELECT count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM patients_visit v WHERE v.patient_id = i.patient_id AND v.status = 'completed'
          AND v.deleted_at IS NULL AND v.starts_on > i.due_on AND v.starts_on <= i.due_on + %(window)s))
    FROM planted_idle i
"""
_VISITS = f"""
    CREATE TEMP TABLE planted_visits ON COMMIT DROP AS
    WITH chosen AS (
        SELECT m.*, m.due_on + 1 + floor(power({u("day")}, 1.6) * (%(window)s - 2))::int AS day,
               {u("hour")} AS hour, {u("extra")} AS extra, {u("code")} AS code, {u("doctor")} AS whom
        FROM planted_idle m
        WHERE {u("comes")} < %(part)s AND NOT EXISTS (
            SELECT FROM patients_visit v WHERE v.patient_id = m.patient_id AND v.status = 'completed'
              AND v.deleted_at IS NULL AND v.starts_on > m.due_on AND v.starts_on <= m.due_on + %(window)s)
    ), dated AS (
        -- Nobody works on Sundays in the smallest branch: whoever meant to come then comes on Monday.
        SELECT c.*, c.day + (extract(dow FROM c.day) = 0)::int AS on_day, b.id AS at_branch, b.timezone
        FROM chosen c
        JOIN patients_patient p ON p.id = c.patient_id
        JOIN patients_branch b ON b.id = COALESCE(c.branch_id, p.branch_id)
    )
    SELECT d.patient_id, d.at_branch, d.on_day, d.extra, d.code,
           (d.on_day + make_interval(mins => 600 + 30 * floor(18 * d.hour)::int)) AT TIME ZONE d.timezone AS starts_at,
           (SELECT doctors[1 + floor(d.whom * cardinality(doctors))] FROM (
                SELECT array_agg(DISTINCT w.doctor_id ORDER BY w.doctor_id) AS doctors FROM planted_doctors w
                WHERE w.branch_id = d.at_branch) who) AS doctor_id,
           %(key)s || lpad(row_number() OVER (ORDER BY d.on_day, d.patient_id)::text, 5, '0') AS key
    FROM dated d WHERE d.on_day < %(today)s
"""
# Who renders the service at the branch, of late.
_DOCTORS = """
    CREATE TEMP TABLE planted_doctors ON COMMIT DROP AS
    SELECT DISTINCT v.branch_id, v.doctor_id FROM patients_visititem i JOIN patients_visit v ON v.id = i.visit_id
    WHERE i.service_id = %(service)s AND v.status = 'completed' AND v.doctor_id IS NOT NULL
      AND v.starts_on > %(today)s::date - 720
"""
_INSERT_VISITS = """
    INSERT INTO patients_visit (source_id, external_id, patient_id, branch_id, doctor_id, starts_at, starts_on, status,
                                promo_code, amount, discount, cost, source_updated_at, created_at, updated_at)
    SELECT %(source)s, 'V' || n.key, n.patient_id, n.at_branch, n.doctor_id, n.starts_at, n.on_day, 'completed',
           CASE WHEN n.code < %(tells)s THEN %(promo)s ELSE '' END,
           s.price - round(s.price * %(discount)s / 100) + CASE WHEN n.extra < 0.4 THEN x.price ELSE 0 END,
           round(s.price * %(discount)s / 100), s.cost + CASE WHEN n.extra < 0.4 THEN x.cost ELSE 0 END,
           n.starts_at + interval '1 hour', n.starts_at + interval '1 hour', n.starts_at + interval '1 hour'
    FROM planted_visits n, patients_service s, patients_service x
    WHERE s.id = %(service)s AND x.id = %(extra)s
    ON CONFLICT (source_id, external_id) DO NOTHING
"""
_INSERT_ITEMS = """
    INSERT INTO patients_visititem (visit_id, service_id, quantity, price, discount, cost)
    SELECT v.id, s.id, 1, s.price, CASE WHEN s.id = %(service)s THEN round(s.price * %(discount)s / 100) ELSE 0 END,
           s.cost
    FROM planted_visits n
    JOIN patients_visit v ON v.source_id = %(source)s AND v.external_id = 'V' || n.key
    JOIN patients_service s ON s.id = %(service)s OR (s.id = %(extra)s AND n.extra < 0.4)
    WHERE NOT EXISTS (SELECT FROM patients_visititem i WHERE i.visit_id = v.id)
    ORDER BY v.id, s.id <> %(service)s
"""
_INSERT_PAYMENTS = """
    INSERT INTO patients_payment (source_id, external_id, patient_id, visit_id, paid_at, paid_on, amount, kind, implied,
                                  source_updated_at, created_at, updated_at)
    SELECT %(source)s, 'M' || n.key, v.patient_id, v.id, v.starts_at + interval '50 minutes', v.starts_on, v.amount,
           'single', false, v.source_updated_at, v.created_at, v.created_at
    FROM planted_visits n JOIN patients_visit v ON v.source_id = %(source)s AND v.external_id = 'V' || n.key
    ON CONFLICT (source_id, external_id) DO NOTHING
"""


_OF_CAMPAIGN = "SELECT id, patient_id::text AS chance FROM campaigns_message WHERE campaign_id = %(campaign)s"


def send(campaign: Campaign, now: datetime.datetime, *, price: float, parts: int, weary: float) -> None:
    """Everything of a campaign due before `now` was sent, and what became of it."""
    live(
        _OF_CAMPAIGN, {"campaign": campaign.pk, "salt": campaign.salt, "title": campaign.name[:200]},
        campaign.channels[0], now, price=price, parts=parts, weary=weary,
    )  # fmt: skip


@transaction.atomic
def live(
    messages: str, params: dict[str, Any], channel: str, now: datetime.datetime, *, price: float, parts: int,
    weary: float,
) -> None:  # fmt: skip
    """The messages of one channel due before `now` were sent, and what became of them. `messages` selects id and
    chance; its parameters, `salt` and the `title` of calls are in `params`. `weary`: the part that unsubscribes."""
    params = {
        **params, "now": now, "price": price, "parts": parts, "weary": weary,
        "gone": {"email": 0.012, "sms": 0.004}.get(channel, 0),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS planted_messages")
        cursor.execute(f"CREATE TEMP TABLE planted_messages ON COMMIT DROP AS {messages}", params)
        cursor.execute("ANALYZE planted_messages")
        cursor.execute(_SEND, params)
        for kind, machine, part, hours in _LIFE[channel]:
            statement = _EVENTS.replace("%%(kind)s", f"{kind}{int(machine)}")
            cursor.execute(statement, {**params, "kind": kind, "machine": machine, "part": part, "hours": hours})
        if channel == "call":
            cursor.execute(_CALLS, params)
            cursor.execute(_OUTCOMES, params)
            return
        cursor.execute(_STOPS, params)
        stops = cursor.fetchall()
    tracking.record([NewEvent(pk, kind, at, f"demo:{kind}:{pk}") for pk, kind, at in stops])


def plant(
    campaign: Campaign, today: datetime.date, *, variant: int, lift: float, service: int, extra: int, source: int,
    discount: int = 0, promo: str = "", key: str = "",
) -> int:  # fmt: skip
    """Add the visits a message brought; how many. A negative `lift` adds them to the hold-out instead.

    The lift is a difference of shares among all of the group: those who would come anyway cannot come because of the
    message, so of the others a part of lift ÷ (1 − share that comes anyway) is chosen.
    """
    harm = lift < 0
    return bring(
        _IDLE,
        {"campaign": campaign.pk, "salt": campaign.salt, "variant": variant, "harm": harm},
        today, lift=abs(lift), window=campaign.window_days, service=service, extra=extra, source=source,
        discount=discount, promo="" if harm else promo, tells=0.7 if promo else 0.0, key=key,
    )  # fmt: skip


def bring(
    idle: str, params: dict[str, Any], today: datetime.date, *, lift: float, window: int, service: int, extra: int,
    source: int, key: str, discount: int = 0, promo: str = "", tells: float = 0.0,
) -> int:  # fmt: skip
    """Add visits within the window to those of `idle` (SQL that fills the table planted_idle) who would not come by
    themselves, so that the share of those who come grows by `lift`; how many."""
    if not lift:
        return 0
    params = {
        **params, "today": today, "window": window, "zone": settings.TIME_ZONE, "service": service, "extra": extra,
        "source": source, "discount": discount, "promo": promo, "tells": tells, "key": key,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS planted_idle, planted_doctors, planted_visits")
        cursor.execute(idle, params)
        cursor.execute("ANALYZE planted_idle")
        cursor.execute(_ORGANIC, params)
        people, come = cursor.fetchone()
        if not people or people == come:
            return 0
        params["part"] = lift / (1 - come / people)
        cursor.execute(_DOCTORS, params)
        cursor.execute(_VISITS, params)
        planted: int = cursor.rowcount
        for statement in (_INSERT_VISITS, _INSERT_ITEMS, _INSERT_PAYMENTS):
            cursor.execute(statement, params)
    return planted

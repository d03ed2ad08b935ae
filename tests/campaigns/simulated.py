"""Campaigns with a planted truth, set-based: ledger rows and visits as the night finds them."""

import datetime as dt
from typing import Any

import numpy as np
from django.db import connection

from campaigns.models import Campaign
from tests.campaigns.making import _key, make_campaign


def simulate(
    *, treated: int, holdout: int, share: float, lift: float = 0.0, began: dt.date, rng_seed: int = 1,
    variants: int = 1, lifts: tuple[float, ...] = (), cost: float = 1.5, amount: int = 5_000, **fields: Any,
) -> Campaign:  # fmt: skip
    """A finished campaign to new patients: each comes (and pays `amount`) with `share`, the treated with `lift` more.

    `lifts`: one for each variant, instead of `lift`.
    """
    at = dt.datetime.combine(began, dt.time(9), dt.UTC)
    state = {"state": "finished", "launched_at": at, "planned_at": at, "ended_at": at, "window_days": 30}
    campaign = make_campaign(variants=variants, **{"holdout_percent": 10 if holdout else 0, **state, **fields})
    ids = _patients(treated + holdout, campaign.pk)
    letters = list(campaign.variants.order_by("letter").values_list("pk", flat=True))
    rng = np.random.default_rng(rng_seed)
    arm = np.where(np.arange(treated + holdout) < treated, np.arange(treated + holdout) % variants, -1)
    more = np.array([*(lifts or (lift,) * variants), 0.0])[arm]
    comes = rng.random(len(ids)) < share + more
    days = rng.integers(1, campaign.window_days + 1, len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO campaigns_message (dedupe_key, campaign_id, variant_id, patient_id, channel, purpose, state, "
            " planned_at, due_at, claimed_at, sent_at, cost, attempts) "
            "SELECT 'c' || %s || ':p' || t.patient, %s, t.variant, t.patient, 'email', 'marketing', "
            " CASE WHEN t.variant IS NULL THEN 'holdout' ELSE 'sent' END, %s, %s, "
            " CASE WHEN t.variant IS NULL THEN NULL ELSE %s END, CASE WHEN t.variant IS NULL THEN NULL ELSE %s END, "
            " CASE WHEN t.variant IS NULL THEN 0 ELSE %s END, 1 "
            "FROM unnest(%s::bigint[], %s::bigint[]) t (patient, variant)",
            [campaign.pk, campaign.pk, at, at, at, at, cost, ids, [letters[a] if a >= 0 else None for a in arm]],
        )
        who = [patient for patient, c in zip(ids, comes, strict=True) if c]
        when = [began + dt.timedelta(days=int(day)) for day, c in zip(days, comes, strict=True) if c]
        source = _key()["source"].pk
        cursor.execute(
            "INSERT INTO patients_visit (source_id, external_id, patient_id, starts_at, starts_on, status, amount) "
            "SELECT %s, 'sv' || t.patient, t.patient, t.day + time '12:00', t.day, 'completed', %s "
            "FROM unnest(%s::bigint[], %s::date[]) t (patient, day)",
            [source, amount, who, when],
        )
        cursor.execute(
            "INSERT INTO patients_payment (source_id, external_id, patient_id, paid_at, paid_on, amount, kind) "
            "SELECT %s, 'sp' || t.patient, t.patient, t.day + time '12:30', t.day, %s, 'single' "
            "FROM unnest(%s::bigint[], %s::date[]) t (patient, day)",
            [source, amount, who, when],
        )
    return campaign


def _patients(count: int, campaign: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO patients_patient (source_id, external_id) SELECT %s, 's' || %s || '-' || n "
            "FROM generate_series(1, %s) n RETURNING id",
            [_key()["source"].pk, campaign, count],
        )
        return sorted(row[0] for row in cursor.fetchall())

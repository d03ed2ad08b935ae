"""How many of an audience each channel can reach: address, consent, no suppression. For the choice of channels only:
what is really sent is decided by the gate."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import OperationalError, connection, transaction

from campaigns.models import Campaign, Channel, Purpose
from segmentation.services.audiences import members_sql

_ADDRESS = {Channel.EMAIL: "r.email", Channel.SMS: "r.phone", Channel.CALL: "r.phone"}
SECONDS = 1.5


def reach(campaign: Campaign, as_of: dt.date) -> dict[str, int] | None:
    """Channel -> patients who may be reached on it, "" -> the whole audience; None when counting takes too long.

    A child is reached through the guardian.
    """
    audience = campaign.audience or {}
    sql, params = members_sql(audience.get("where") or {}, as_of, audience.get("except") or None)
    channels = [Channel(code) for code in Channel.values]
    columns = ", ".join(_column(channel, campaign.purpose) for channel in channels)
    branches = list(campaign.branches.values_list("pk", flat=True))
    bound = "TRUE"
    if branches:
        bound = "COALESCE(m.last_branch_id, p.branch_id) = ANY(%(branches)s)"
    query = f"""
        SELECT count(*), {columns} FROM ({sql}) audience
        JOIN patients_patient p ON p.id = audience.id
        JOIN patients_patient r ON r.id = COALESCE(p.guardian_id, p.id)
        LEFT JOIN segmentation_metrics m ON m.patient_id = p.id
        WHERE {bound}
    """
    row = _bounded(query, {**params, "purpose": campaign.purpose, "branches": branches})
    return None if row is None else dict(zip(["", *channels], row, strict=True))


def _column(channel: Channel, purpose: str) -> str:
    address = _ADDRESS[channel]
    agreed = f"""EXISTS (SELECT FROM patients_consent c WHERE c.patient_id = r.id AND c.channel = '{channel}'
        AND c.purpose = %(purpose)s AND c.until IS NULL AND c.granted)"""
    refused = f"""NOT EXISTS (SELECT FROM patients_consent c WHERE c.patient_id = r.id AND c.channel = '{channel}'
        AND c.purpose = %(purpose)s AND c.until IS NULL AND NOT c.granted)"""
    only_service = "" if purpose == Purpose.MARKETING else "AND NOT s.marketing_only"
    return f"""count(*) FILTER (WHERE {address} <> '' AND {agreed if purpose == Purpose.MARKETING else refused}
        AND NOT EXISTS (SELECT FROM campaigns_suppression s WHERE s.channel = '{channel}' AND s.lifted_at IS NULL
            AND s.address_key = hashtextextended(lower({address}), 0) {only_service}))"""


def _bounded(query: str, params: dict[str, Any]) -> Sequence[int] | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit = off")
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(SECONDS * 1000))])
            cursor.execute(query, params)
            row: Sequence[int] = cursor.fetchone()
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return row
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: the time is over
            raise
        return None

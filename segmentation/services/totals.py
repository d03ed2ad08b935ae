"""The step "totals": the night's figures per segment, per RFM cell and for the whole base, stored once.

Sums are exact: money is added in whole kopecks.
"""

import datetime
from decimal import Decimal

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from segmentation.models import BaseTotal, RfmCell, SegmentTotal
from segmentation.services.divided import Division
from segmentation.services.night import Night

# Joining every fact with its patient would look up a million cards to leave out a few.
_NOT_DELETED = "patient_id NOT IN (SELECT id FROM patients_patient WHERE deleted_at IS NOT NULL)"


def refresh(night: Night) -> int:
    """Write the totals of `night.as_of` anew; return the number of rows. Inside the caller's transaction."""
    SegmentTotal.objects.filter(as_of=night.as_of).delete()
    RfmCell.objects.filter(as_of=night.as_of).delete()
    totals = [
        total for division in (*night.divisions, *night.asked()) for total in _segment_totals(night, division)
    ]  # fmt: skip
    cells = _rfm_cells(night)
    SegmentTotal.objects.bulk_create(totals)
    RfmCell.objects.bulk_create(cells)
    base = _base_total(night)
    BaseTotal.objects.update_or_create(as_of=night.as_of, defaults=base)
    return len(totals) + len(cells) + 1


def refresh_one(night: Night, division: Division) -> None:
    """The totals of one own segment, or of one clustering, anew. Inside the caller's transaction."""
    SegmentTotal.objects.filter(as_of=night.as_of, segment__segmentation=division.segmentation).delete()
    SegmentTotal.objects.bulk_create(_segment_totals(night, division))


def _kopecks(night: Night, column: str) -> NDArray[np.float64]:
    """Money as whole kopecks; float64 holds their sum exactly up to 90 trillion roubles."""
    return np.round(night.frame[column].to_numpy(dtype=np.float64) * 100)


def _roubles(kopecks: float) -> Decimal:
    return Decimal(round(kopecks)) / 100


def _ltv(night: Night) -> NDArray[np.float64]:
    for division in night.divisions:
        if "ltv" in division.outcome.scores:
            return np.asarray(division.outcome.scores["ltv"], dtype=np.float64)
    return np.full(len(night.frame), np.nan)


def _mean(values: NDArray[np.float64]) -> Decimal | None:
    known = values[~np.isnan(values)]
    return _roubles(float(np.round(known * 100).sum()) / len(known)) if len(known) else None


def _expected(money: NDArray[np.float64]) -> Decimal | None:
    """Σ of what is known; None when nothing is known of anybody."""
    known = money[~np.isnan(money)]
    return _roubles(float(np.round(known * 100).sum())) if len(known) else None


def _segment_totals(night: Night, division: Division) -> list[SegmentTotal]:
    """One row per segment. `entered` and `left` count those whose segment differs from the one before this night."""
    belongs, before = division.outcome.segments, division.before.along(night.patients)
    inside, moved = belongs >= 0, belongs != before
    count = len(division.segments)
    left = np.concatenate([before[moved], division.before.segments[division.before.missing_in(night.patients)]])
    ltv, forecast = _ltv(night), night.frame["money_12m"].to_numpy()

    def summed(values: NDArray[np.float64]) -> list[float]:
        return [float(total) for total in np.bincount(belongs[inside], weights=values[inside], minlength=count)]

    def counted(indices: NDArray[np.int8]) -> list[int]:
        return [int(number) for number in np.bincount(indices[indices >= 0], minlength=count)]

    patients, entered, gone = counted(belongs), counted(belongs[moved]), counted(left)
    visits = summed(night.frame["visits_365"].to_numpy(dtype=np.float64))
    money, money_365, margin = (summed(_kopecks(night, name)) for name in ("money", "money_365", "margin_365"))
    return [
        SegmentTotal(
            segment_id=division.segment_ids[code], as_of=night.as_of, patients=patients[i], entered=entered[i],
            left=gone[i], visits_365=int(visits[i]), money=_roubles(money[i]), money_365=_roubles(money_365[i]),
            margin_365=_roubles(margin[i]), ltv=_mean(ltv[belongs == i]),
            forecast_12m=_expected(forecast[belongs == i]),
        )
        for i, code in enumerate(division.segments)
    ]  # fmt: skip


def _rfm_cells(night: Night) -> list[RfmCell]:
    """Patients and money per r-f-m; those without a completed visit (0-0-0) are in no cell."""
    for division in night.divisions:
        scores = division.outcome.scores
        if "r" in scores:
            r, f, m = (np.asarray(scores[name], dtype=np.int64) for name in "rfm")
            cell = r * 36 + f * 6 + m
            patients = np.bincount(cell, minlength=216)
            money = np.bincount(cell, weights=_kopecks(night, "money_365"), minlength=216)
            return [
                RfmCell(
                    as_of=night.as_of, r=i // 36, f=i // 6 % 6, m=i % 6, patients=int(patients[i]),
                    money_365=_roubles(float(money[i])),
                )
                for i in range(1, 216)
                if patients[i]
            ]  # fmt: skip
    return []


def _base_total(night: Night) -> dict[str, object]:
    frame, day = night.frame, night.day
    visits_365 = int(frame["visits_365"].sum())
    money_365 = _roubles(float(_kopecks(night, "money_365").sum()))
    answered = frame["last_nps"].to_numpy()[(day - frame["last_answer_on"] < 365).to_numpy()]
    answered = answered[~np.isnan(answered)]
    visits_30, money_30 = _last_30_days(night.as_of)
    return {
        "patients": len(frame),
        "visited": int((frame["visit_days"] > 0).sum()),
        "new_30": int((frame["first_visit_on"] > day - 30).sum()),
        "lost": _lost(night),
        "with_appointment": int(frame["next_visit_on"].notna().sum()),
        "visits_30": visits_30,
        "visits_365": visits_365,
        "money_30": money_30,
        "money_365": money_365,
        "average_bill": money_365 / visits_365 if visits_365 else None,
        "ltv": _mean(_ltv(night)),
        "forecast_12m": _expected(frame["money_12m"].to_numpy()),
        "nps": 100 * float(np.mean(answered >= 9) - np.mean(answered <= 6)) if len(answered) else None,
        "nps_answers": len(answered),
        "reachable": _reachable(night.as_of),
    }


def _lost(night: Night) -> int:
    for division in night.divisions:
        if division.kind.code == "lifecycle":
            return int((division.outcome.segments == division.kind.index("lost")).sum())
    return 0


def _last_30_days(as_of: datetime.date) -> tuple[int, Decimal]:
    """Completed visits and paid money of (as_of − 30, as_of], refunds deducted, of patients who are not deleted."""
    window = {"since": as_of - datetime.timedelta(days=30), "as_of": as_of}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM patients_visit "
            "WHERE starts_on > %(since)s AND starts_on <= %(as_of)s AND status = 'completed' "
            f"AND deleted_at IS NULL AND {_NOT_DELETED}",
            window,
        )
        visits = int(cursor.fetchone()[0])
        cursor.execute(
            "SELECT COALESCE(sum(CASE WHEN kind = 'refund' THEN -amount ELSE amount END), 0) FROM patients_payment "
            f"WHERE paid_on > %(since)s AND paid_on <= %(as_of)s AND deleted_at IS NULL AND {_NOT_DELETED}",
            window,
        )
        return visits, cursor.fetchone()[0]


def _reachable(as_of: datetime.date) -> int:
    """Patients whose consent to advertising on some channel was in force at the end of `as_of`."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(DISTINCT patient_id)
            FROM patients_consent, LATERAL (
                SELECT (%(as_of)s::date + 1)::timestamp AT TIME ZONE %(zone)s AS moment
            ) AS night
            WHERE purpose = 'marketing' AND granted AND at < moment AND (until IS NULL OR until >= moment)
                AND {_NOT_DELETED}
                AND patient_id NOT IN (SELECT id FROM patients_patient WHERE merged_into_id IS NOT NULL)
            """,
            {"as_of": as_of, "zone": settings.TIME_ZONE},
        )
        return int(cursor.fetchone()[0])

"""One patient as the night left them, for systems that read segments back: scores, metrics, value, segments, tags."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from patients.models import Integration, Patient
from segmentation.models import Forecast, Membership, Metrics, NightlyRun, Score, ServiceRhythm

# So many visits for one repeating service make a patient who comes for it steadily.
CHRONIC_VISITS = 3
DETRACTOR = 6

# The names of the interface and the columns of Forecast behind them.
_PREDICTED = {
    "predicted_3m": "money_3m", "predicted_12m": "money_12m", "predicted_36m": "money_36m", "p_alive": "p_alive",
    "expected_visits_12m": "visits_12m", "next_visit_on": "next_visit_on",
}  # fmt: skip

_KEPT = """
    WITH RECURSIVE kept AS (
        SELECT id, merged_into_id, deleted_at, 0 AS step FROM patients_patient
        WHERE source_id = %s AND external_id = %s
        UNION ALL
        SELECT p.id, p.merged_into_id, p.deleted_at, kept.step + 1
        FROM patients_patient p JOIN kept ON p.id = kept.merged_into_id WHERE kept.step < 20
    )
    SELECT id FROM kept WHERE merged_into_id IS NULL AND deleted_at IS NULL
"""

_PLACES = ("first_service", "last_service", "main_service", "first_doctor", "last_doctor", "last_branch")


@dataclass(frozen=True)
class Profile:
    """`as_of` is the last finished night; everything is empty while a new patient has not met one."""

    patient: Patient
    as_of: dt.date | None
    metrics: Metrics | None
    score: Score | None
    forecast: Forecast | None = None
    segments: Mapping[str, str] = field(default_factory=dict)
    chronic: bool = False

    @property
    def tags(self) -> list[str]:
        return tags(self)


def profile(source: Integration, external_id: str) -> Profile | None:
    """The profile of the card that is kept for this id of the source; None when there is none or it is deleted.

    Five queries, whatever the patient has.
    """
    pk = _kept_card(source, external_id)
    if pk is None:
        return None
    patient = Patient.objects.select_related(
        "score", "metrics", "forecast", *(f"metrics__{place}" for place in _PLACES)
    ).get(pk=pk)
    return Profile(
        patient=patient,
        as_of=last_night(),
        metrics=getattr(patient, "metrics", None),
        score=getattr(patient, "score", None),
        forecast=getattr(patient, "forecast", None),
        segments=_segments(pk),
        chronic=ServiceRhythm.objects.filter(patient=pk, visits__gte=CHRONIC_VISITS, due_on__isnull=False).exists(),
    )


def last_night() -> dt.date | None:
    """The last night that was finished."""
    done = NightlyRun.objects.filter(state=NightlyRun.State.DONE).order_by("-as_of")
    return done.values_list("as_of", flat=True).first()


def _kept_card(source: Integration, external_id: str) -> int | None:
    if "\x00" in external_id:  # PostgreSQL knows no such text, so no source has ever had it
        return None
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [source.pk, external_id.strip()])
        row = cursor.fetchone()
    return row[0] if row else None


def _segments(patient_id: int) -> dict[str, str]:
    open_rows = Membership.objects.filter(patient=patient_id, left_on__isnull=True, segmentation__active=True)
    return dict(
        open_rows.order_by("segmentation__position", "segmentation__code").values_list(
            "segmentation__code", "segment__code"
        )
    )


def tags(known: Profile) -> list[str]:
    """Short words for the patient's card in the MIS, the most important first.

    - `vip`, `stable`, `one_off`, `unprofitable`: the value tier;
    - `new`, `due`, `overdue`, `lost`: the lifecycle;
    - `chronic`: comes for a repeating service, at least three times;
    - `unhappy`: the last answer was 0–6, or a complaint within a year;
    - `has_appointment`: an appointment lies ahead.
    """
    found = [known.segments.get("value", "")]
    if known.segments.get("lifecycle") in {"new", "due", "overdue", "lost"}:
        found.append(known.segments["lifecycle"])
    if known.chronic:
        found.append("chronic")
    if known.metrics is not None:
        unhappy = known.metrics.last_nps is not None and known.metrics.last_nps <= DETRACTOR
        if unhappy or known.metrics.complaints_365:
            found.append("unhappy")
        if known.metrics.next_visit_on is not None:
            found.append("has_appointment")
    return [tag for tag in found if tag]


def described(known: Profile) -> dict[str, Any]:
    """The profile as the API writes it; money in ₽."""
    score, metrics = known.score, known.metrics
    return {
        "as_of": known.as_of,
        "rfm": {name: getattr(score, name, None) for name in ("r", "f", "m")},
        "metrics": _metrics(metrics),
        "ltv": {
            "historic": metrics.money if metrics is not None else Decimal(0),
            "formula": getattr(score, "ltv", None),
            **{name: getattr(known.forecast, column, None) for name, column in _PREDICTED.items()},
        },
        "segments": dict(known.segments),
        "tags": known.tags,
    }


def _metrics(metrics: Metrics | None) -> dict[str, Any]:
    """Every metric by its name; services, doctors and branches by their ids in the source."""
    if metrics is None:
        return {}
    plain = [f.name for f in Metrics._meta.concrete_fields if not f.is_relation and f.name != "as_of"]
    places = {name: getattr(getattr(metrics, name), "external_id", None) for name in _PLACES}
    return {name: getattr(metrics, name) for name in plain} | places

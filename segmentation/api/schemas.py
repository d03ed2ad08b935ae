"""What the OpenAPI document says about the addresses that are read."""

import datetime as dt
from typing import Annotated, Any

from django.db import models
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from patients.api.schemas import PROBLEMS, Problem
from segmentation.models import Metrics
from segmentation.selectors.members import PAGE_LIMIT

_PROBLEMS = PROBLEMS | {
    (403, "application/problem+json"): OpenApiResponse(Problem, "The token lacks the scope `read`."),
    (404, "application/problem+json"): OpenApiResponse(Problem, "There is no such patient, segmentation or segment."),
}
# OpenAPI 3.0 has no type "null".
Whole = Annotated[int | None, WithJsonSchema({"type": "integer", "nullable": True})]
Number = Annotated[float | None, WithJsonSchema({"type": "number", "nullable": True})]
Text = Annotated[str | None, WithJsonSchema({"type": "string", "nullable": True})]
Day = Annotated[dt.date | None, WithJsonSchema({"type": "string", "format": "date", "nullable": True})]
_TYPES: dict[type[models.Field], Any] = {
    models.DateField: Day, models.IntegerField: Whole, models.SmallIntegerField: Whole,
    models.FloatField: Number, models.DecimalField: Number, models.ForeignKey: Text,
}  # fmt: skip


def _metrics_model() -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for field in Metrics._meta.concrete_fields:
        if field.name not in {"patient", "as_of"}:
            fields[field.name] = (_TYPES[type(field)], None)
    return create_model(
        "PatientMetrics", __doc__="Dates, counts and money in ₽; services, doctors, branches by their ids.", **fields
    )


PatientMetrics = _metrics_model()


class RfmScores(BaseModel):
    """1 (worst) to 5 (best), 0 without a completed visit; null before the first night."""

    r: Whole
    f: Whole
    m: Whole


class Value(BaseModel):
    """Money in ₽. historic: paid in all. formula: average bill × frequency × lifetime.

    The others are the forecast, null for whoever has none: money within 3, 12 and 36 months, the probability 0..1 that
    the patient has not left for good (null also for who came on one day: not known), days with a visit within 12
    months, the day the next one is expected on.
    """

    historic: float
    formula: Number
    predicted_3m: Number
    predicted_12m: Number
    predicted_36m: Number
    p_alive: Number
    expected_visits_12m: Number
    next_visit_on: Day


class ProfileDocument(BaseModel):
    """A patient as the last finished night left them."""

    as_of: Day
    rfm: RfmScores
    metrics: PatientMetrics  # type: ignore[valid-type]
    ltv: Value
    segments: dict[str, str] = Field(description="Segmentation code → segment code.")
    tags: list[str]


class SegmentDocument(BaseModel):
    code: str
    name: str
    name_en: str
    colour: str
    patients: Whole = Field(description="As the last night counted; null before the first.")


class SegmentationDocument(BaseModel):
    code: str
    kind: str
    name: str
    name_en: str
    segments: list[SegmentDocument]


class SegmentationsDocument(BaseModel):
    as_of: Day
    segmentations: list[SegmentationDocument]


class Member(BaseModel):
    source: str
    external_id: str
    entered_on: dt.date
    came_from: Text = Field(description="Code of the segment left on that day.")


class MembersDocument(BaseModel):
    next: Text = Field(description="Address of the next page; null on the last.")
    results: list[Member]


class FlowDocument(BaseModel):
    from_segment: str
    to_segment: str
    patients: int = Field(description="Moves; a patient who moved twice counts twice.")
    money: float = Field(description="What they had paid in the 365 days before the move, ₽.")


class FlowsDocument(BaseModel):
    from_: dt.date = Field(alias="from")
    to: dt.date
    flows: list[FlowDocument]


_PROFILE = {
    "as_of": "2026-03-01",
    "rfm": {"r": 5, "f": 4, "m": 4},
    "metrics": {"visits": 7, "last_visit_on": "2026-02-14", "money": 84500.0, "main_service": "botox-1"},
    "ltv": {
        "historic": 84500.0,
        "formula": 91200.0,
        "predicted_3m": 7300.0,
        "predicted_12m": 26400.0,
        "predicted_36m": 68100.0,
        "p_alive": 0.94,
        "expected_visits_12m": 3.1,
        "next_visit_on": "2026-03-09",
    },
    "segments": {
        "rfm": "champions",
        "value": "vip",
        "satisfaction": "a",
        "lifecycle": "active",
        "value_falling": "steady",
    },
    "tags": ["vip", "chronic", "has_appointment"],
}
_MEMBERS = {
    "next": "https://crm.example.com/api/v1/segmentations/rfm/segments/at_risk/patients/?cursor=1204&limit=500",
    "results": [
        {"source": "mis", "external_id": "p-1001", "entered_on": "2026-02-01", "came_from": "loyal"},
    ],
}
_FLOWS = {
    "from": "2026-01-31",
    "to": "2026-02-28",
    "flows": [{"from_segment": "loyal", "to_segment": "at_risk", "patients": 41, "money": 1204300.0}],
}


def _code(name: str, what: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=f"Code of the {what}.")


profile_schema = extend_schema(
    operation_id="patients_profile",
    tags=["profiles"],
    summary="Scores, metrics, segments and tags of one patient",
    description="The patient is named by its id in the caller's own source. A merged card answers with the kept one.",
    parameters=[OpenApiParameter("external_id", str, OpenApiParameter.PATH, description="Identifier in the source.")],
    request=None,
    responses={200: ProfileDocument, **_PROBLEMS},
    examples=[OpenApiExample("A good patient", value=_PROFILE, response_only=True, status_codes=["200"])],
)
segmentations_schema = extend_schema(
    operation_id="segmentations",
    tags=["segments"],
    summary="Active segmentations with their segments and sizes",
    request=None,
    responses={200: SegmentationsDocument, **_PROBLEMS},
)
members_schema = extend_schema(
    operation_id="segment_patients",
    tags=["segments"],
    summary="Who is in a segment now, page by page",
    description="Patients of every source, each with the code of its source and its id there.",
    parameters=[
        _code("code", "segmentation"),
        _code("segment", "segment"),
        OpenApiParameter("limit", int, description=f"Patients on a page, 1 to {PAGE_LIMIT}."),
        OpenApiParameter("cursor", int, description="As given in `next`."),
    ],
    request=None,
    responses={200: MembersDocument, **_PROBLEMS},
    examples=[OpenApiExample("One page", value=_MEMBERS, response_only=True, status_codes=["200"])],
)
flows_schema = extend_schema(
    operation_id="segmentation_flows",
    tags=["segments"],
    summary="Moves between segments over a period",
    description="Moves of the nights after `from` up to and including `to`; without them, of the last 30 days.",
    parameters=[
        _code("code", "segmentation"),
        OpenApiParameter("from", dt.date, description="The last day that does not count."),
        OpenApiParameter("to", dt.date, description="The last day that counts."),
    ],
    request=None,
    responses={200: FlowsDocument, **_PROBLEMS},
    examples=[OpenApiExample("A month", value=_FLOWS, response_only=True, status_codes=["200"])],
)

"""What the OpenAPI document says about wishes of patients."""

import datetime as dt
from typing import Annotated, Literal

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from campaigns.models import VisitRequest
from patients.api.schemas import PROBLEMS, Problem
from patients.services.ingest.types import NO_NUL

PAGE, PAGE_LIMIT = 200, 1000
KINDS, STATES = VisitRequest.Kind.values, VisitRequest.State.values
_PROBLEMS = PROBLEMS | {
    (403, "application/problem+json"): OpenApiResponse(Problem, "The token lacks the scope."),
    (404, "application/problem+json"): OpenApiResponse(Problem, "This source has no such wish."),
}


class VisitWish(BaseModel):
    """`visit` and `patient` are external ids of the source; `starts_at` is the time the patient answered to."""

    id: int
    visit: str
    patient: str
    # Not an enum: a payment has a kind too, and the document knows one enum of a name.
    kind: str = Field(description=f"One of: {', '.join(KINDS)}.")
    wish: str
    starts_at: dt.datetime
    asked_at: dt.datetime
    state: Annotated[str, WithJsonSchema({"type": "string", "enum": STATES})]


class VisitWishes(BaseModel):
    # OpenAPI 3.0 has no type "null".
    next: Annotated[str | None, WithJsonSchema({"type": "string", "nullable": True})]
    results: list[VisitWish]


class Answer(BaseModel):
    """`taken`: read, being worked on. `done`: the visit is posted as the patient asked. `refused`: it is not."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["taken", "done", "refused"]
    note: str = Field("", max_length=200, pattern=NO_NUL)


_EXAMPLE = {
    "id": 7, "visit": "v-1001", "patient": "p-17", "kind": "move", "wish": "после 18:00, любой день",
    "starts_at": "2026-06-02T07:30:00Z", "asked_at": "2026-05-31T09:12:44Z", "state": "new",
}  # fmt: skip

requests_schema = extend_schema(
    summary="What patients ask for about their appointments",
    description="Wishes of patients of this source, the oldest first: confirmed, asks to move, cancels. Without "
    "`state` those that are open (new, taken). A wish whose visit is posted as asked closes itself.",
    parameters=[
        OpenApiParameter("state", enum=STATES, description="Only wishes in this state."),
        OpenApiParameter("cursor", int, description="From the `next` of the page before."),
        OpenApiParameter("limit", int, description=f"Wishes of a page, {PAGE} unless told, {PAGE_LIMIT} at most."),
    ],
    responses={200: VisitWishes, **_PROBLEMS},
    examples=[
        OpenApiExample("A page", {"next": None, "results": [_EXAMPLE]}, response_only=True, status_codes=["200"])
    ],
)
answer_schema = extend_schema(
    summary="The MIS answers a wish",
    description="Sent twice it is answered once. 409 when the wish is closed in another way.",
    request=Answer,
    responses={
        200: VisitWish, **_PROBLEMS,
        (409, "application/problem+json"): OpenApiResponse(Problem, "The wish is not open any more."),
    },
    examples=[OpenApiExample("Moved", {"state": "done", "note": ""}, request_only=True)],
)  # fmt: skip

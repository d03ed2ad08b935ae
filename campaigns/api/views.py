"""Wishes of patients for the MIS: the visits are its own, so it reads what is wished and posts what becomes of it."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.api import schemas
from campaigns.models import VisitRequest
from campaigns.services.hearing import appointments
from patients.api.parameters import whole_number
from patients.api.problems import Invalid
from patients.models import Integration


class Closed(APIException):
    """The wish has been answered in another way, or the visit has changed."""

    status_code = HTTPStatus.CONFLICT


class VisitRequests(APIView):
    required_scope = Integration.Scope.READ

    @schemas.requests_schema
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Integration)  # HasScope has seen to it
        state = request.query_params.get("state", "")
        if state and state not in schemas.STATES:
            raise Invalid({"state": [_("One of: %(known)s.") % {"known": ", ".join(schemas.STATES)}]})
        limit = whole_number(request, "limit", schemas.PAGE, 1, schemas.PAGE_LIMIT)
        asked = VisitRequest.objects.filter(
            visit__source=request.auth, pk__gt=whole_number(request, "cursor", 0, 0, 2**63)
        )
        asked = asked.filter(state=state) if state else asked.filter(state__in=appointments.OPEN)
        rows = list(asked.select_related("visit", "patient").order_by("pk")[: limit + 1])
        more = len(rows) > limit
        rows = rows[:limit]
        query = (
            urlencode({"cursor": rows[-1].pk, "limit": limit, **({"state": state} if state else {})}) if more else ""
        )
        return Response(
            {
                "next": request.build_absolute_uri(f"?{query}") if more else None,
                "results": [_written(row) for row in rows],
            }
        )


class VisitRequestAnswer(APIView):
    required_scope = Integration.Scope.INGEST

    @schemas.answer_schema
    def post(self, request: Request, pk: int) -> Response:
        assert isinstance(request.auth, Integration)
        row = VisitRequest.objects.filter(visit__source=request.auth, pk=pk).first()
        if row is None:
            raise NotFound(_("This source has no such wish."))
        try:
            answer = schemas.Answer.model_validate(request.data)
        except ValidationError as error:
            raise Invalid({str(one["loc"][0]) if one["loc"] else "": [one["msg"]] for one in error.errors()}) from None
        appointments.answer(row, answer.state, answer.note, timezone.now())
        row = VisitRequest.objects.select_related("visit", "patient").get(pk=pk)
        if row.state != answer.state:
            raise Closed(_("This wish is %(state)s already.") % {"state": row.get_state_display()})
        return Response(_written(row))


def _written(row: VisitRequest) -> dict[str, Any]:
    wish = schemas.VisitWish(
        id=row.pk, visit=row.visit.external_id, patient=row.patient.external_id, kind=row.kind, wish=row.wish,
        starts_at=row.starts_at, asked_at=row.at, state=row.state,
    )  # fmt: skip
    return wish.model_dump(mode="json")

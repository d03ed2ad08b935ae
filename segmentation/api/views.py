"""Profiles and segments for systems that read them back."""

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from patients.api.parameters import whole_number
from patients.api.problems import Invalid
from patients.models import Integration
from segmentation.api import schemas
from segmentation.models import Segment, Segmentation
from segmentation.selectors.catalogue import segmentations_with_totals
from segmentation.selectors.flows import flows
from segmentation.selectors.members import PAGE_LIMIT, member_page
from segmentation.selectors.profile import described, last_night, profile

DEFAULT_PAGE = 500
# The same years as for facts that are posted.
FIRST_YEAR, LAST_YEAR = 1900, 2099
DEFAULT_PERIOD = dt.timedelta(days=30)


class ReadView(APIView):
    required_scope = Integration.Scope.READ


class ProfileView(ReadView):
    @schemas.profile_schema
    def get(self, request: Request, external_id: str) -> Response:
        assert isinstance(request.auth, Integration)  # HasScope has seen to it
        known = profile(request.auth, external_id)
        if known is None:
            raise NotFound(_("This source has no such patient."))
        return Response(written(described(known)))


class SegmentationsView(ReadView):
    @schemas.segmentations_schema
    def get(self, request: Request) -> Response:
        as_of = last_night()
        return Response({"as_of": as_of, "segmentations": segmentations_with_totals(as_of)})


class MembersView(ReadView):
    @schemas.members_schema
    def get(self, request: Request, code: str, segment: str) -> Response:
        found = Segment.objects.filter(segmentation__code=code, segmentation__active=True, code=segment).first()
        if found is None:
            raise NotFound(_("There is no such segment."))
        limit = whole_number(request, "limit", DEFAULT_PAGE, 1, PAGE_LIMIT)
        rows, key = member_page(found, whole_number(request, "cursor", 0, 0, 2**63 - 1), limit)
        results = [
            {
                "source": row.patient.source.code,
                "external_id": row.patient.external_id,
                "entered_on": row.entered_on,
                "came_from": row.came_from.code if row.came_from else None,
            }
            for row in rows
        ]
        query = urlencode({"cursor": key, "limit": limit})
        return Response({"next": request.build_absolute_uri(f"?{query}") if key else None, "results": results})


class FlowsView(ReadView):
    @schemas.flows_schema
    def get(self, request: Request, code: str) -> Response:
        segmentation = Segmentation.objects.filter(code=code, active=True).first()
        if segmentation is None:
            raise NotFound(_("There is no such segmentation."))
        until = _date(request, "to") or last_night() or timezone.localdate()
        since = _date(request, "from") or until - DEFAULT_PERIOD
        if since > until:
            raise Invalid({"from": [_("The period ends before it begins.")]})
        moves = [
            {
                "from_segment": flow.source.code, "to_segment": flow.target.code,
                "patients": flow.moves, "money": flow.money,
            }
            for flow in flows(segmentation, since, until)
        ]  # fmt: skip
        return Response(written({"from": since, "to": until, "flows": moves}))


def written(value: Any) -> Any:
    """Money as JSON numbers: ₽ with two decimals fit a double exactly enough, and scripts need not parse text."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: written(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [written(entry) for entry in value]
    return value


def _date(request: Request, name: str) -> dt.date | None:
    word = request.query_params.get(name)
    if word is None:
        return None
    try:
        day = dt.datetime.strptime(word, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid({name: [_("A date YYYY-MM-DD between the years 1900 and 2099 is expected.")]})
    return day

"""Ingest by REST. One class per kind of address; the resource comes from the URL configuration."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from patients.api.problems import Invalid
from patients.models import Integration
from patients.services.ingest import MAX_ITEMS, IngestReport, delete, ingest
from patients.services.ingest.messages import say


class IngestView(APIView):
    required_scope = Integration.Scope.INGEST
    resource: str = ""

    @property
    def source(self) -> Integration:
        assert isinstance(self.request.auth, Integration)  # HasScope has seen to it
        return self.request.auth


class BulkView(IngestView):
    def post(self, request: Request) -> Response:
        items = posted_items(request.data)
        report = ingest(self.source, self.resource, items)
        # Request and response refer to each other; without this the items would stay until the next full collection.
        items.clear()
        return Response(report.as_dict())


class ItemView(IngestView):
    """PUT; the identifier stands in the address and may be repeated in the item."""

    def put(self, request: Request, external_id: str) -> Response:
        item = request.data
        if not isinstance(item, dict):
            raise Invalid({"item": [say("model_type")]})
        if str(item.get("external_id", external_id)).strip() != external_id.strip():
            raise Invalid({"external_id": [say("other_id")]})
        return take_one(self.source, self.resource, {**item, "external_id": external_id})


class DeletableItemView(ItemView):
    def delete(self, request: Request, external_id: str) -> Response:
        if not delete(self.source, self.resource, external_id.strip()):
            raise NotFound(_("This source never had this identifier."))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WordView(IngestView):
    """POST of one consent: words have no identifier, their patient, channel, purpose and moment name them."""

    def post(self, request: Request) -> Response:
        return take_one(self.source, self.resource, request.data)


def posted_items(data: Any) -> list[Any]:
    """The list in `{"items": […]}`."""
    if not isinstance(data, dict):
        raise Invalid({"items": [say("missing")]})
    errors = {str(name): [say("extra_forbidden")] for name in list(data)[:20] if name != "items"}
    items = data.get("items")
    if "items" not in data:
        errors["items"] = [say("missing")]
    elif not isinstance(items, list):
        errors["items"] = [say("list_type")]
    elif len(items) > MAX_ITEMS:
        errors["items"] = [say("too_long", {"max_length": MAX_ITEMS})]
    if errors:
        raise Invalid(errors)
    assert isinstance(items, list)
    return items


def take_one(source: Integration, resource: str, item: Any) -> Response:
    report = ingest(source, resource, [item], journal=False)
    if report.rejected:
        raise Invalid(report.rejected[0].errors)
    code = status.HTTP_201_CREATED if report.created else status.HTTP_200_OK
    warnings = {"warnings": [item.as_dict() for item in report.warnings]} if report.warnings else {}
    return Response({"result": _result(report), **warnings}, code)


def _result(report: IngestReport) -> str:
    return "created" if report.created else "updated" if report.updated else "unchanged"

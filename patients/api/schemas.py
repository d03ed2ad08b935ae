"""What the OpenAPI document says about the ingest addresses."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import BaseModel, Field, create_model

from patients.api.examples import EXAMPLES
from patients.models.intake import Resource
from patients.services.ingest.service import MAX_ITEMS
from patients.services.ingest.validation import MODELS


class Rejection(BaseModel):
    """An item that was not taken (or, among warnings, not wholly): errors by field path, such as `items.0.price`."""

    index: int
    external_id: str
    errors: dict[str, list[str]]


class BulkReport(BaseModel):
    """created + updated + unchanged + the number of rejected = the number of items."""

    created: int
    updated: int
    unchanged: int
    rejected: list[Rejection]
    warnings: list[Rejection] = Field(default=[], description="Left out when there are none.")


class ItemReport(BaseModel):
    """What became of one item."""

    result: str = Field(json_schema_extra={"enum": ["created", "updated", "unchanged"]})
    warnings: list[Rejection] = Field(default=[], description="Left out when there are none.")


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, list[str]] = {}


PROBLEMS = {
    (400, "application/problem+json"): OpenApiResponse(Problem, "The request has errors; `errors` names the fields."),
    (401, "application/problem+json"): OpenApiResponse(Problem, "No token, or one that is not known or switched off."),
    (403, "application/problem+json"): OpenApiResponse(Problem, "The token lacks the scope `ingest`."),
    (429, "application/problem+json"): OpenApiResponse(Problem, "Too many requests; see the header Retry-After."),
}
NOT_FOUND = {(404, "application/problem+json"): OpenApiResponse(Problem, "The source never had this identifier.")}
SINGULAR = {"branches": "branch", "feedback": "feedback"}


def bulk_model(resource: str) -> type[BaseModel]:
    item: Any = MODELS[resource]
    entries: Any = (list[item], Field(max_length=MAX_ITEMS))
    return create_model(f"{item.__name__.removesuffix('Item')}Bulk", items=entries)


def bulk_schema(resource: str) -> Any:
    return extend_schema(
        operation_id=f"{resource}_bulk",
        tags=[resource],
        summary=f"Take up to {MAX_ITEMS} {Resource(resource).value}",
        description="A bad item never stops the good ones. Posting the same again changes nothing.",
        request=bulk_model(resource),
        responses={200: BulkReport, **PROBLEMS},
        examples=[OpenApiExample("One item", value={"items": [EXAMPLES[resource]]}, request_only=True)],
    )


def put_schema(resource: str) -> Any:
    example = {name: value for name, value in EXAMPLES[resource].items() if name != "external_id"}
    return extend_schema(
        operation_id=f"{resource}_put",
        tags=[resource],
        summary="Create or replace one; the item is the whole state",
        parameters=[_external_id()],
        request=_without_id(resource),
        responses={201: ItemReport, 200: ItemReport, **PROBLEMS},
        examples=[OpenApiExample("Item", value=example, request_only=True)],
    )


def post_schema(resource: str) -> Any:
    return extend_schema(
        operation_id=f"{resource}_post",
        tags=[resource],
        summary="Take one",
        request=MODELS[resource],
        responses={201: ItemReport, 200: ItemReport, **PROBLEMS},
        examples=[OpenApiExample("Item", value=EXAMPLES[resource], request_only=True)],
    )


def delete_schema(resource: str) -> Any:
    return extend_schema(
        operation_id=f"{resource}_delete",
        tags=[resource],
        summary="Withdraw one; again is the same as once",
        parameters=[_external_id()],
        request=None,
        responses={204: None, **PROBLEMS, **NOT_FOUND},
    )


def _external_id() -> OpenApiParameter:
    return OpenApiParameter("external_id", str, OpenApiParameter.PATH, description="Identifier in the source.")


def _without_id(resource: str) -> type[BaseModel]:
    """The item as it is put to an address that names it already; there the identifier may be repeated."""
    item = MODELS[resource]
    fields: dict[str, Any] = {
        name: (info.annotation, info) for name, info in item.model_fields.items() if name != "external_id"
    }
    model: type[BaseModel] = create_model(f"{item.__name__.removesuffix('Item')}Put", **fields)
    return model


class IntegrationScheme(OpenApiAuthenticationExtension):
    target_class = "patients.api.authentication.IntegrationAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`; the token is printed once by `manage.py create_integration`.",
        }

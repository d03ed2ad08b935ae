"""Addresses under /api/v1/: one view class per resource, so that each has its own schema and examples."""

from typing import Any

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema_view
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from patients.api import schemas
from patients.api.views import BulkView, DeletableItemView, IngestView, ItemView, WordView
from patients.models.intake import Resource

DELETABLE = {Resource.VISITS, Resource.PAYMENTS, Resource.PATIENTS, Resource.PACKAGES}


def _view(name: str, base: type[IngestView], resource: str, **methods: Any) -> Any:
    """A view class of its own for the resource, so that every address has its own schema."""
    view: type[IngestView] = type(name, (base,), {"resource": resource})
    return extend_schema_view(**methods)(view).as_view()


def _routes(resource: str) -> list[URLPattern]:
    name = resource.capitalize()
    bulk = _view(f"{name}Bulk", BulkView, resource, post=schemas.bulk_schema(resource))
    routes = [path(f"{resource}/bulk", bulk, name=f"api-{resource}-bulk")]
    if resource == Resource.CONSENTS:
        word = _view(name, WordView, resource, post=schemas.post_schema(resource))
        return [*routes, path(resource, word, name="api-consents")]
    if resource in DELETABLE:
        methods = {"put": schemas.put_schema(resource), "delete": schemas.delete_schema(resource)}
        item = _view(name, DeletableItemView, resource, **methods)
    else:
        item = _view(name, ItemView, resource, put=schemas.put_schema(resource))
    return [*routes, path(f"{resource}/<str:external_id>", item, name=f"api-{resource}-item")]


# A page is only looked at: DRF would answer OPTIONS with data that the template of the page cannot show.
_docs = SpectacularSwaggerSplitView.as_view(url_name="api-schema", http_method_names=["get", "head"])

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    # The split view keeps its script in a file of its own, as the content security policy asks.
    path("docs/", _docs, name="api-docs"),
    *(route for resource in Resource.values for route in _routes(resource)),
]

"""Addresses of the portal: the pages, the admin, the API, the health check."""

from django.contrib import admin
from django.urls import include, path

from clinic_crm.health import health

urlpatterns = [
    path("health/", health, name="health"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("patients.api.urls")),
    path("api/v1/", include("segmentation.api.urls")),
    path("", include("patients.urls")),
]

"""Addresses of the portal: the pages, the admin, the API, the health check."""

from django.contrib import admin
from django.urls import include, path

from clinic_crm.health import health
from clinic_crm.views import patient_card, patients

urlpatterns = [
    path("health/", health, name="health"),
    path("admin/", admin.site.urls),
    path("search/", patients.everything, name="search"),
    path("patients/", patients.patients, name="patients"),
    path("patients/<int:pk>/", patient_card.card, name="patient"),
    path("patients/<int:pk>/timeline/", patient_card.older, name="patient-timeline"),
    path("api/v1/", include("patients.api.urls")),
    path("api/v1/", include("segmentation.api.urls")),
    path("", include("patients.urls")),
]

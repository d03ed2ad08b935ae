"""Addresses of the portal: the pages, the admin, the API, the health check."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from clinic_crm.health import health
from clinic_crm.views import account, home, night, patient_card, patients

handler404 = "clinic_crm.views.errors.page_not_found"
handler500 = "clinic_crm.views.errors.server_error"

urlpatterns = [
    path("", home.home, name="home"),
    path("night/run/", night.run_night, name="run_night"),
    path("night/status/", night.night_status, name="night_status"),
    path("segments/", include("segmentation.urls")),
    path("login/", auth.LoginView.as_view(), name="login"),
    path("password/", account.OwnPassword.as_view(), name="own_password"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/", health, name="health"),
    # One login for everybody, with its lock and its words.
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("search/", patients.everything, name="search"),
    path("patients/", patients.patients, name="patients"),
    path("patients/<int:pk>/", patient_card.card, name="patient"),
    path("patients/<int:pk>/timeline/", patient_card.older, name="patient-timeline"),
    path("patients/<int:pk>/messages/", patient_card.messages, name="patient-messages"),
    path("patients/<int:pk>/rules/", patient_card.rules, name="patient-rules"),
    path("patients/<int:pk>/rules/<int:rule_pk>/", patient_card.rule, name="patient-rule"),
    path("api/v1/", include("patients.api.urls")),
    path("api/v1/", include("segmentation.api.urls")),
    path("api/v1/", include("campaigns.api.urls")),
    path("", include("triggers.urls")),
    path("", include("campaigns.urls")),
    path("", include("patients.urls")),
]

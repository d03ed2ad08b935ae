"""Addresses of the triggers: one module per topic."""

from django.urls import include, path

urlpatterns = [
    path("triggers/backtests/", include("triggers.urls.backtests")),
    path("triggers/", include("triggers.urls.rules")),
]

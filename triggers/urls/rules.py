"""Addresses of the rules."""

from django.urls import path

from triggers.views import rules

urlpatterns = [
    path("", rules.triggers, name="triggers"),
    path("<int:pk>/", rules.trigger, name="trigger"),
    path("<int:pk>/people/", rules.trigger_firings, name="trigger_firings"),
]

"""Addresses under /api/v1/ by which the MIS learns what patients ask for."""

from django.urls import path

from campaigns.api.views import VisitRequestAnswer, VisitRequests

urlpatterns = [
    path("visit-requests/", VisitRequests.as_view(), name="api-visit-requests"),
    path("visit-requests/<int:pk>/answer", VisitRequestAnswer.as_view(), name="api-visit-request-answer"),
]

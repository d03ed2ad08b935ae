"""Addresses under /api/v1/ that are read."""

from django.urls import path

from segmentation.api.views import FlowsView, MembersView, ProfileView, SegmentationsView

urlpatterns = [
    path("patients/<str:external_id>/profile", ProfileView.as_view(), name="api-profile"),
    path("segmentations/", SegmentationsView.as_view(), name="api-segmentations"),
    path(
        "segmentations/<slug:code>/segments/<slug:segment>/patients/",
        MembersView.as_view(),
        name="api-segment-patients",
    ),
    path("segmentations/<slug:code>/flows/", FlowsView.as_view(), name="api-flows"),
]

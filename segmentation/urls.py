"""Pages of the segments, under /segments/."""

from django.urls import path

from segmentation.views import conditions, overview, segment

urlpatterns = [
    path("", overview.segments, name="segments"),
    path("rfm/cell/<int:r>-<int:f>/", segment.rfm_cell, name="rfm_cell"),
    path("rfm/cell/<int:r>-<int:f>/export/", segment.rfm_cell_export, name="rfm_cell_export"),
    path("conditions/count/", conditions.audience_count, name="audience_count"),
    path("conditions/options/", conditions.audience_options, name="audience_options"),
    path("<slug:code>/", overview.segmentation, name="segmentation"),
    path("<slug:segmentation>/<slug:code>/", segment.segment, name="segment"),
    path("<slug:segmentation>/<slug:code>/portrait/", segment.segment_portrait, name="segment_portrait"),
    path("<slug:segmentation>/<slug:code>/export/", segment.segment_export, name="segment_export"),
]

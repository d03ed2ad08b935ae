"""Pages of the segments, under /segments/."""

from django.urls import path

from segmentation.views import clusters, conditions, cycles, ltv, overview, own, segment

urlpatterns = [
    path("", overview.segments, name="segments"),
    path("rfm/cell/<int:r>-<int:f>/", segment.rfm_cell, name="rfm_cell"),
    path("rfm/cell/<int:r>-<int:f>/export/", segment.rfm_cell_export, name="rfm_cell_export"),
    path("conditions/count/", conditions.audience_count, name="audience_count"),
    path("conditions/options/", conditions.audience_options, name="audience_options"),
    path("own/new/", own.own_new, name="own_new"),
    path("own/new-list/", own.list_new, name="list_new"),
    path("own/<slug:code>/edit/", own.own_edit, name="own_edit"),
    path("own/<slug:code>/archive/", own.own_archive, name="own_archive"),
    path("clusters/", clusters.clusters, name="clusters"),
    path("clusters/new/", clusters.clusters_new, name="clusters_new"),
    path("clusters/<slug:code>/", clusters.cluster_page, name="cluster_page"),
    path("clusters/<slug:code>/edit/", clusters.clusters_edit, name="clusters_edit"),
    path("clusters/<slug:code>/search/", clusters.clusters_search, name="clusters_search"),
    path("clusters/<slug:code>/status/", clusters.clusters_status, name="clusters_status"),
    path("clusters/<slug:code>/archive/", clusters.clusters_archive, name="clusters_archive"),
    path("clusters/<slug:code>/<slug:segment>/persona/", clusters.cluster_persona, name="cluster_persona"),
    path("cycles/", cycles.cycles, name="cycles"),
    path("cycles/<int:pk>/", cycles.cycle, name="cycle"),
    path("cycles/<int:pk>/take/", cycles.take, name="cycle_take"),
    path("cycles/<int:pk>/clear/", cycles.clear, name="cycle_clear"),
    path("ltv/", ltv.ltv, name="ltv"),
    path("ltv/calibration/", ltv.calibration, name="ltv_calibration"),
    path("ltv/channels/", ltv.channels, name="ltv_channels"),
    path("ltv/prices/", ltv.prices, name="ltv_prices"),
    path("<slug:code>/", overview.segmentation, name="segmentation"),
    path("<slug:segmentation>/<slug:code>/", segment.segment, name="segment"),
    path("<slug:segmentation>/<slug:code>/portrait/", segment.segment_portrait, name="segment_portrait"),
    path("<slug:segmentation>/<slug:code>/export/", segment.segment_export, name="segment_export"),
]

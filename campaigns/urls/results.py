"""What campaigns brought. Under /campaigns/results/."""

from django.urls import path

from campaigns.views import results

urlpatterns = [
    path("", results.pooled_results, name="pooled_results"),
    path("<int:pk>/", results.campaign_results, name="campaign_results"),
]

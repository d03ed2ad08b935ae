"""Campaigns: the list, the wizard, one campaign. Under /campaigns/."""

from django.urls import path

from campaigns.views import campaigns

urlpatterns = [
    path("", campaigns.campaigns, name="campaigns"),
]

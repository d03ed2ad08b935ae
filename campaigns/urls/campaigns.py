"""Campaigns: the list, the wizard, one campaign. Under /campaigns/."""

from django.urls import path

from campaigns.views import actions, campaign, campaigns, people, wizard

urlpatterns = [
    path("", campaigns.campaigns, name="campaigns"),
    path("new/", wizard.campaign_new, name="campaign_new"),
    path("<int:pk>/", campaign.campaign, name="campaign"),
    path("<int:pk>/edit/<slug:step>/", wizard.campaign_edit, name="campaign_edit"),
    path("<int:pk>/check/", wizard.campaign_check, name="campaign_check"),
    path("<int:pk>/power/", wizard.campaign_power, name="campaign_power"),
    path("<int:pk>/progress/", campaign.campaign_progress, name="campaign_progress"),
    path("<int:pk>/people/", people.campaign_people, name="campaign_people"),
    path("<int:pk>/people/export/", people.campaign_people_export, name="campaign_people_export"),
    path("<int:pk>/do/<slug:action>/", actions.campaign_action, name="campaign_action"),
]

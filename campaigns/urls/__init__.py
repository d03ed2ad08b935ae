"""Addresses of the campaigns: one module per topic."""

from django.urls import include, path

urlpatterns = [
    path("campaigns/offers/", include("campaigns.urls.offers")),
    path("campaigns/templates/", include("campaigns.urls.templates")),
    path("campaigns/results/", include("campaigns.urls.results")),
    path("campaigns/addresses/", include("campaigns.urls.addresses")),
    path("campaigns/mailbox/", include("campaigns.urls.mailbox")),
    path("campaigns/", include("campaigns.urls.campaigns")),
    path("calls/", include("campaigns.urls.calls")),
    path("hooks/", include("campaigns.urls.hooks")),
    path("", include("campaigns.urls.public")),
]

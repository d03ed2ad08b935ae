"""The call list. Under /calls/."""

from django.urls import path

from campaigns.views import calls

urlpatterns = [
    path("", calls.calls, name="calls"),
]

"""The call list. Under /calls/."""

from django.urls import path

from campaigns.views import calls

urlpatterns = [
    path("", calls.calls, name="calls"),
    path("next/", calls.call_next, name="call_next"),
    path("<int:pk>/", calls.call, name="call"),
    path("<int:pk>/<slug:action>/", calls.call_action, name="call_action"),
]

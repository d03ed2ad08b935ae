"""The mailbox of a local installation. Under /campaigns/mailbox/."""

from django.urls import path

from campaigns.views import mailbox

urlpatterns = [
    path("", mailbox.mailbox, name="mailbox"),
    path("<int:pk>/", mailbox.caught, name="caught"),
    path("<int:pk>/body/", mailbox.caught_body, name="caught_body"),
]

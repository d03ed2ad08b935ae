"""Who may be written to: suppressed addresses and consents."""

from django.urls import path

from campaigns.views import addresses, consents

urlpatterns = [
    path("", addresses.suppressed, name="suppressions"),
    path("look-up/", addresses.look_up, name="suppression_look_up"),
    path("add/", addresses.suppression_add, name="suppression_add"),
    path("<int:pk>/lift/", addresses.suppression_lift, name="suppression_lift"),
    path("consents/", consents.consents, name="consents"),
    path("consents/import/", consents.consent_import_page, name="consent_import"),
    path("consents/import/sample/", consents.consent_sample, name="consent_sample"),
    path("consents/imports/<int:pk>/", consents.consent_batch, name="consent_batch"),
]

from django.urls import path

from campaigns.views import offers

urlpatterns = [
    path("", offers.offers, name="offers"),
    path("new/", offers.offer_new, name="offer_new"),
    path("<int:pk>/", offers.offer, name="offer"),
    path("<int:pk>/archive/", offers.offer_archive, name="offer_archive"),
]

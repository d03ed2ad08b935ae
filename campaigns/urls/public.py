"""Pages for patients, reached by the signed links of messages; short, because an SMS is paid by its letters."""

from django.urls import path

from campaigns.views import public, replies

urlpatterns = [
    path("u/<str:token>", public.unsubscribe, name="unsubscribe"),
    path("p/<str:token>", public.preferences, name="preferences"),
    path("l/<str:token>", public.link, name="link"),
    path("s/<str:token>", replies.score, name="score"),
    path("a/<str:token>", replies.appointment, name="appointment"),
]

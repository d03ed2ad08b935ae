"""Addresses of the pages about facts."""

from django.urls import path

from patients.views import data, data_upload

urlpatterns = [
    path("data/", data.data, name="data"),
    path("data/import/", data_upload.data_upload, name="data_upload"),
    path("data/rejected/", data.data_rejected, name="data_rejected"),
    path("data/rejected/replay/", data.replay_filtered, name="data_replay_all"),
    path("data/rejected/<int:pk>/replay/", data.replay_one, name="data_replay"),
    path("data/rejected/<int:pk>/dismiss/", data.dismiss_one, name="data_dismiss"),
    path("data/not-described/", data.data_stubs, name="data_stubs"),
    path("data/doubles/", data.data_doubles, name="data_doubles"),
    path("data/doubtful/", data.data_doubtful, name="data_doubtful"),
]

"""Addresses of the portal: the pages, the admin, the API, the health check."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]

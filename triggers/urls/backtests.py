"""Addresses of the backtests."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []

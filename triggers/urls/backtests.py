"""Addresses of the back-tests."""

from django.urls import path

from triggers.views import backtests

urlpatterns = [
    path("of/<int:pk>/", backtests.backtest_new, name="backtest_new"),
    path("<int:pk>/", backtests.backtest, name="backtest"),
    path("<int:pk>/progress/", backtests.backtest_progress, name="backtest_progress"),
    path("<int:pk>/load.csv", backtests.backtest_csv, name="backtest_csv"),
]

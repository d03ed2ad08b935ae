"""How each channel sends."""

from django.contrib import admin

from campaigns.models import ChannelAccount
from patients.admin.base import ConfigurationAdmin


@admin.register(ChannelAccount)
class ChannelAccountAdmin(ConfigurationAdmin):
    list_display = ["channel", "active", "sender", "per_second", "per_day", "price"]

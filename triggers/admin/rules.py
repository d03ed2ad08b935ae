"""Rules: configured here."""

from django.contrib import admin

from patients.admin.base import ConfigurationAdmin
from triggers.models import TriggerRule


@admin.register(TriggerRule)
class TriggerRuleAdmin(ConfigurationAdmin):
    list_display = ["name", "rule_type", "enabled", "priority"]

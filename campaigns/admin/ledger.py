"""What was decided and sent: read-only, found through the patient."""

from django.contrib import admin

from campaigns.models import Campaign, Message, Suppression, Template
from patients.admin.base import FactAdmin, ReadOnlyAdmin


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ["name", "state", "purpose", "launched_at", "ended_at"]
    list_filter = ["state"]


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin):
    list_display = ["name", "channel", "purpose", "created_at"]
    list_filter = ["channel", "purpose"]


@admin.register(Message)
class MessageAdmin(FactAdmin):
    list_display = ["patient", "channel", "purpose", "state", "reason", "due_at", "sent_at"]
    list_select_related = ["patient"]
    list_filter = ["channel", "state"]


@admin.register(Suppression)
class SuppressionAdmin(FactAdmin):
    list_display = ["channel", "reason", "since", "lifted_at"]
    list_filter = ["channel", "reason"]
    patient_path = ""

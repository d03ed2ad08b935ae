"""What was decided and sent: read-only, found through the patient."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from campaigns.models import Campaign, Message, Suppression, Template
from campaigns.reasons import in_words
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
    list_display = ["patient", "campaign", "channel", "state", "why", "due_at", "sent_at"]
    list_select_related = ["patient", "campaign"]
    list_filter = ["channel", "purpose", "state"]

    @admin.display(description=_("reason"))
    def why(self, message: Message) -> str:
        """The reason in words, and what the provider said."""
        said = str(in_words(message.reason, message.purpose))
        return " · ".join(part for part in (said, message.error) if part)


@admin.register(Suppression)
class SuppressionAdmin(FactAdmin):
    list_display = ["channel", "reason", "since", "lifted_at"]
    list_filter = ["channel", "reason"]
    patient_path = ""

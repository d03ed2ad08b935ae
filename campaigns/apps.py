from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Campaigns")

    def ready(self) -> None:
        """Whoever looks for clusters may ask how patients respond to messages, without knowing of messages."""
        from campaigns.selectors.responses import responses
        from segmentation.kinds.features import register_responses

        register_responses(responses)

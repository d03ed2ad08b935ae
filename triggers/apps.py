from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TriggersConfig(AppConfig):
    name = "triggers"
    verbose_name = _("Triggers")

    def ready(self) -> None:
        from campaigns.services.deciding import gate
        from triggers.services import closer_look

        gate.also_ask(closer_look.verdicts)

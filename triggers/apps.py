from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TriggersConfig(AppConfig):
    name = "triggers"
    verbose_name = _("Triggers")

    def ready(self) -> None:
        from campaigns.selectors import call_origins
        from campaigns.services.calling import needless
        from campaigns.services.consents import erasure
        from campaigns.services.deciding import gate
        from triggers.selectors import of_calls
        from triggers.services import closer_look, switching

        gate.also_ask(closer_look.verdicts)
        needless.also_ask(closer_look.needless_calls)
        call_origins.also_tell(of_calls.origins)
        erasure.also_forget(switching.forget)

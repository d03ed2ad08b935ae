from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ClinicCrmConfig(AppConfig):
    name = "clinic_crm"
    verbose_name = _("Portal")

    def ready(self) -> None:
        from clinic_crm.roles import sync_roles
        from clinic_crm.schedule import ensure_schedule

        # Words of the settings: one package has no translatable name, the other's is not what the menu says.
        apps.get_app_config("axes").verbose_name = _("Blocked logins")
        apps.get_app_config("django_celery_beat").verbose_name = _("Schedule")
        # Ours would never come: Django signals only for apps with models, and this one has none.
        post_migrate.connect(sync_roles, sender=apps.get_app_config("auth"))
        post_migrate.connect(ensure_schedule, sender=apps.get_app_config("django_celery_beat"))

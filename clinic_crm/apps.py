from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClinicCrmConfig(AppConfig):
    name = "clinic_crm"
    verbose_name = _("Portal")

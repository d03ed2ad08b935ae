"""Look and navigation of the admin (UNFOLD), and which configuration is audited (AUDITLOG)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    app, name = model.split(".")
    return lambda request: request.user.has_perm(f"{app}.view_{name}")


def _page(title: Any, icon: str, model: str) -> dict[str, Any]:
    """A changelist in the side menu, shown to those who may view it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": _may_view(model),
    }


def _never(request: HttpRequest) -> bool:
    """The address of the portal is the beginning of every address; unfold would always mark its link."""
    return False


NAVIGATION: list[dict[str, Any]] = [
    {
        "title": "",
        "items": [
            {"title": _("Back to the portal"), "icon": "arrow_back", "link": reverse_lazy("home"), "active": _never},
            {"title": _("All settings"), "icon": "settings", "link": reverse_lazy("admin:index")},
        ],
    },
    {
        "title": _("Clinic"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Branches"), "location_on", "patients.branch"),
            _page(_("Doctors"), "stethoscope", "patients.doctor"),
            _page(_("Services"), "medical_services", "patients.service"),
            _page(_("Service groups"), "category", "patients.servicegroup"),
            _page(_("Acquisition channels"), "campaign", "patients.acquisitionchannel"),
        ],
    },
    {
        "title": _("Segmentation"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Segmentations and thresholds"), "tune", "segmentation.segmentation"),
            _page(_("Segments"), "donut_small", "segmentation.segment"),
            _page(_("Searches for clusters"), "bubble_chart", "segmentation.clusterfit"),
            _page(_("Nights"), "nights_stay", "segmentation.nightlyrun"),
        ],
    },
    {
        "title": _("Campaigns"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Rules of sending"), "gavel", "campaigns.policy"),
            _page(_("Channels"), "send", "campaigns.channelaccount"),
            _page(_("Campaigns"), "campaign", "campaigns.campaign"),
            _page(_("Templates"), "draft", "campaigns.template"),
            _page(_("Messages"), "mail", "campaigns.message"),
            _page(_("Suppressed addresses"), "block", "campaigns.suppression"),
        ],
    },
    {
        "title": _("Triggers"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Rules"), "bolt", "triggers.triggerrule"),
            _page(_("Firings"), "history_toggle_off", "triggers.firing"),
            _page(_("Back-tests"), "query_stats", "triggers.backtest"),
        ],
    },
    {
        "title": _("Data exchange"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Integrations"), "hub", "patients.integration"),
            _page(_("Batches"), "upload_file", "patients.ingestbatch"),
            _page(_("Rejected items"), "error", "patients.rejected"),
        ],
    },
    {
        "title": _("Facts (read only)"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Patients"), "group", "patients.patient"),
            _page(_("Visits"), "event", "patients.visit"),
            _page(_("Payments"), "payments", "patients.payment"),
            _page(_("Feedback"), "reviews", "patients.feedback"),
            _page(_("Consents"), "verified_user", "patients.consent"),
            _page(_("Packages"), "inventory_2", "patients.package"),
            _page(_("Free slots"), "event_available", "patients.slot"),
            _page(_("Memberships"), "compare_arrows", "segmentation.membership"),
        ],
    },
    {
        "title": _("Access and schedule"),
        "separator": True,
        "collapsible": True,
        "items": [
            _page(_("Users"), "person", "auth.user"),
            _page(_("Roles"), "badge", "auth.group"),
            _page(_("Blocked logins"), "lock", "axes.accessattempt"),
            _page(_("Log of changes"), "history", "auditlog.logentry"),
            _page(_("Schedule"), "schedule", "django_celery_beat.periodictask"),
        ],
    },
]

# The portal's own green (static/css/portal.css), so that the admin and the portal look like one thing.
UNFOLD = {
    "SITE_TITLE": _("Clinic CRM"),
    "SITE_HEADER": _("Clinic CRM"),
    "SITE_SUBHEADER": _("Settings"),
    "SITE_URL": reverse_lazy("home"),
    "SITE_SYMBOL": "vital_signs",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/logo.svg")},
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "#f0faf9",
            "100": "#d8f1ee",
            "200": "#b4e3de",
            "300": "#84cec7",
            "400": "#4fb8b0",
            "500": "#1f958d",
            "600": "#0b6e69",
            "700": "#0a5c58",
            "800": "#0a4a47",
            "900": "#0b3d3b",
            "950": "#062624",
        },
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": NAVIGATION},
    "ACCOUNT": {"navigation": [{"title": _("To the portal"), "link": reverse_lazy("home")}]},
}

HIDE = "clinic_crm.admin_settings.hidden"


def hidden(value: str) -> str:
    """The log says that a secret has changed and shows nothing of it, not even half of its hash."""
    return "•••" if value else ""


# Facts come by the hundred thousand past the ORM and are never audited row by row; configuration always is.
AUDITLOG_INCLUDE_TRACKING_MODELS: tuple[str | dict[str, Any], ...] = (
    {
        "model": "patients.Integration",
        "exclude_fields": ["last_seen_at"],
        "mask_fields": ["token_hash"],
        "mask_callable": HIDE,
    },
    {"model": "patients.Branch", "exclude_fields": ["updated_at", "source_updated_at"]},
    {"model": "patients.Doctor", "exclude_fields": ["updated_at", "source_updated_at"]},
    {"model": "patients.Service", "exclude_fields": ["updated_at", "source_updated_at"]},
    "patients.ServiceGroup",
    "patients.AcquisitionChannel",
    "patients.ChannelSpend",
    {"model": "segmentation.Segmentation", "exclude_fields": ["updated_at"]},
    "segmentation.Segment",
    "campaigns.Policy",
    "campaigns.ChannelAccount",
    {"model": "campaigns.Campaign", "exclude_fields": ["updated_at"]},
    "campaigns.Variant",
    {"model": "campaigns.Offer", "exclude_fields": ["updated_at"]},
    "campaigns.Template",
    {
        "model": "triggers.TriggerRule",
        "exclude_fields": ["updated_at", "looked_until", "horizon", "error"],
        "m2m_fields": ["include", "exclude", "branches"],
    },
    "triggers.TriggerStep",
    "triggers.StepTemplate",
    {
        "model": "auth.User",
        "exclude_fields": ["last_login"],
        "mask_fields": ["password"],
        "mask_callable": HIDE,
        "m2m_fields": ["groups", "user_permissions"],
    },
    {"model": "auth.Group", "m2m_fields": ["permissions"]},
    {"model": "django_celery_beat.PeriodicTask", "exclude_fields": ["last_run_at", "total_run_count", "date_changed"]},
    "django_celery_beat.IntervalSchedule",
    "django_celery_beat.CrontabSchedule",
)

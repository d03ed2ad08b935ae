"""What every page of the portal knows."""

from typing import TypedDict

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# (URL name, label, icon, permission); seven entries at most. The settings are in the reader's own menu (topbar.html).
_MENU: tuple[tuple[str, str | Promise, str, str], ...] = (
    ("home", _("Home"), "ti-layout-dashboard", "segmentation.view_segment"),
    ("segments", _("Segments"), "ti-chart-donut-3", "segmentation.view_segment"),
    ("patients", _("Patients"), "ti-users", "patients.view_patient"),
    ("campaigns", _("Campaigns"), "ti-send", "campaigns.view_campaign"),
    ("triggers", _("Triggers"), "ti-bolt", "triggers.view_triggerrule"),
    ("calls", _("Calls"), "ti-phone", "campaigns.view_calltask"),
    ("data", _("Data"), "ti-database-import", "patients.view_ingestbatch"),
)


class Entry(TypedDict):
    label: str | Promise
    icon: str
    url: str
    active: bool


def portal(request: HttpRequest) -> dict[str, object]:
    """Theme, menu and search, by what the reader may see."""
    return {
        "theme": "dark" if request.COOKIES.get("theme") == "dark" else "light",
        "navigation": _navigation(request),
        "search_url": reverse("search") if _may(request, "patients.view_patient") else "",
    }


def _may(request: HttpRequest, permission: str) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_active and user.has_perm(permission)


def _navigation(request: HttpRequest) -> list[Entry]:
    home = reverse("home")
    entries: list[Entry] = []
    for name, label, icon, permission in _MENU:
        if _may(request, permission):
            url = reverse(name)
            here = request.path == home if url == home else request.path.startswith(url)
            entries.append({"label": label, "icon": icon, "url": url, "active": here})
    return entries


def pages(request: HttpRequest) -> list[Entry]:
    """What the search finds by name: the entries of the menu, and the settings for those who may open them."""
    entries = _navigation(request)
    user = getattr(request, "user", None)
    if user is not None and user.is_staff:
        entries.append({"label": _("Settings"), "icon": "ti-settings", "url": reverse("admin:index"), "active": False})
    return entries

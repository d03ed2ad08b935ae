"""Ready conditions for the questions clinics ask most. A starting point: whoever takes one goes on editing it."""

from typing import Any

from django.utils.translation import gettext as _

from patients.models import Service
from segmentation.models import Segment

Recipe = dict[str, Any]
NOT_BOOKED = {"not": {"attribute": "appointment", "is": "any"}}


def recipes() -> list[Recipe]:
    """Each with a label, a word about it, and a tree. Two queries."""
    found = [
        _recipe(_("Time for a correction"), _("first procedure 12–18 months ago, not booked"), _correction()),
        _recipe(
            _("Due within two weeks"), _("the day of the next visit is near, not booked"),
            {"attribute": "due", "is": "ahead", "value": {"to": 2, "unit": "weeks"}},
        ),
        _recipe(
            _("Not here for a year"), _("the last visit was more than a year ago, not booked"),
            {"attribute": "visit", "is": "last", "ago": {"from": 1, "unit": "years"}},
        ),
        _recipe(
            _("One visit and gone"), _("a single visit one to three months ago, not booked"),
            {"attribute": "visit", "is": "first", "ago": {"from": 1, "to": 3, "unit": "months"}},
            {"attribute": "visit", "is": "any", "count": {"at_most": 1}},
        ),
        _recipe(
            _("Cancelled and not booked again"), _("within the last two weeks"),
            {"attribute": "visit", "is": "any", "state": "cancelled", "ago": {"to": 2, "unit": "weeks"}},
        ),
        {"label": _("Birthday this month"), "about": "", "tree": {"attribute": "birthday", "is": "this_month"}},
        {
            "label": _("Unhappy"), "about": _("a low score or a complaint within three months"),
            "tree": {"any": [
                {"attribute": "score", "is": "last", "value": [0, 6], "ago": {"to": 3, "unit": "months"}},
                {"attribute": "complaint", "is": "any", "ago": {"to": 3, "unit": "months"}},
            ]},
        },
    ]  # fmt: skip
    valuable = _segments("rfm", ("at_risk", "cant_lose"))
    if valuable:
        tree = {"attribute": "segment", "is": "in", "value": valuable}
        found.insert(3, _recipe(_("Valuable and leaving"), _("at risk or must not be lost, not booked"), tree))
    return found


def _recipe(label: str, about: str, *conditions: dict[str, Any]) -> Recipe:
    return {"label": label, "about": about, "tree": {"all": [*conditions, NOT_BOOKED]}}


def _correction() -> dict[str, Any]:
    """With the clinic's permanent make-up filled in when it has any; otherwise the service is left to be chosen."""
    names = Service.objects.filter(name__iregex=r"перманентн|permanent").exclude(name__iregex=r"коррекц|correction")
    services = list(names.order_by("pk").values_list("pk", flat=True)[:20])
    leaf: dict[str, Any] = {
        "attribute": "service_visit", "is": "first", "ago": {"from": 12, "to": 18, "unit": "months"}
    }  # fmt: skip
    return {**leaf, "services": services} if services else leaf


def _segments(segmentation: str, codes: tuple[str, ...]) -> list[str]:
    there = Segment.objects.filter(segmentation__code=segmentation, segmentation__active=True, code__in=codes)
    found = set(there.values_list("code", flat=True))
    return [f"{segmentation}:{code}" for code in codes if code in found]

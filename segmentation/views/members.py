"""The list of patients on a page: filters, order, pages; the same for a segment and for a cell of the RFM map."""

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from patients import wording
from patients.models.catalogue import Sex
from segmentation.models import Metrics
from segmentation.selectors import segments
from segmentation.selectors.segments import AGES, COUNT_LIMIT, MemberFilter


def member_list(
    request: HttpRequest, members: QuerySet[Metrics], today: dt.date, stored_count: int | None
) -> dict[str, Any]:
    """Context of segmentation/_members.html. The night has counted the whole list; a filtered one is counted here."""
    asked = MemberFilter.parse(request.GET)
    narrowed = segments.narrowed(members, asked, today)
    count = segments.bounded_count(narrowed) if asked.narrows or stored_count is None else stored_count
    page = segments.page(narrowed, asked)
    return {
        "asked": asked,
        "members": page.members,
        "member_filters": _filters(asked),
        "columns": _columns(request.GET, asked),
        "count": count,
        "count_words": _counted(count, bounded=asked.narrows or stored_count is None),
        "next_url": _address(request.GET, after=page.after) if page.after else "",
        "previous_url": _address(request.GET, before=page.before) if page.before else "",
        "kept": [(name, request.GET[name]) for name in ("from", "to", "sort") if name in request.GET],
        "query": _address(request.GET),
        "with_contacts": request.user.has_perm("patients.view_contacts"),
    }


def _counted(count: int, bounded: bool) -> str:
    if bounded and count > COUNT_LIMIT:
        return _("more than %(patients)s") % {"patients": wording.patients_count(COUNT_LIMIT)}
    return wording.patients_count(count)


def _address(query: QueryDict, **changed: Any) -> str:
    """The same list with something changed; a page key belongs to one order and is left behind."""
    address = query.copy()
    for name in ("after", "before", "download", "format"):
        address.pop(name, None)
    for name, value in changed.items():
        address[name] = str(value)
    return f"?{address.urlencode()}#patients"


def _columns(query: QueryDict, asked: MemberFilter) -> dict[str, dict[str, Any]]:
    labels = {
        "name": (_("Patient"), "text"), "last_visit": (_("Last visit"), "date"),
        "money_365": (_("Paid in a year"), "money"), "money": (_("Paid in all"), "money"),
        "ltv": (_("LTV by formula"), "money"),
    }  # fmt: skip
    columns: dict[str, dict[str, Any]] = {}
    for name, (label, kind) in labels.items():
        here = asked.sort == name
        turned = f"-{name}" if here and not asked.reverse else name
        order = ("descending" if asked.descending else "ascending") if here else "none"
        columns[name] = {"label": label, "kind": kind, "url": _address(query, sort=turned), "order": order}
    return columns


def _filters(asked: MemberFilter) -> list[dict[str, Any]]:
    any_value = ("", _("any"))
    branches = [(str(branch.pk), branch.name) for branch in segments.branches()]
    ages = [(code, f"{low}–{high}" if high < 120 else f"{low}+") for code, (low, high) in AGES.items()]
    contacts = [("phone", _("has a phone")), ("email", _("has an e-mail")), ("marketing", _("agrees to advertising"))]
    choices = [
        ("branch", _("Branch"), str(asked.branch or ""), branches),
        ("sex", _("Sex"), asked.sex, [(value, str(label)) for value, label in Sex.choices]),
        ("age", _("Age"), asked.age, ages),
        ("contact", _("Contact"), asked.contact, contacts),
    ]
    return [
        {"name": name, "label": label, "kind": "select", "value": value, "options": [any_value, *options]}
        for name, label, value, options in choices
        if options
    ]

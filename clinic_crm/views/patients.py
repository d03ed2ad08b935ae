"""The list of patients and the search. What is searched for is posted: names and phones get into no address, no log.

Filters stay in the address, because segments and branches are nobody's personal data.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clinic_crm.context_processors import pages
from patients.access import requires
from patients.models import Branch, Patient
from patients.selectors.contacts import masked, readable_phone
from patients.selectors.search import Found, listed, normalised, search
from segmentation.models import BaseTotal, Metrics, Segment, Segmentation
from segmentation.selectors import people
from triggers.selectors import rules

PAGE = 50
HITS = 8


@dataclass
class Row:
    """A patient in a list, with contacts as far as the reader may see them."""

    patient: Patient
    segments: list[Segment] = field(default_factory=list)
    phone: str = ""
    email: str = ""

    @property
    def metrics(self) -> Metrics | None:
        return getattr(self.patient, "metrics", None)


def rows_of(patients: list[Patient], request: HttpRequest) -> list[Row]:
    segments = people.segments_of(patient.pk for patient in patients)
    see = request.user.has_perm("patients.view_contacts")
    return [
        Row(
            patient,
            segments.get(patient.pk, []),
            readable_phone(patient.phone) if see else masked(patient.phone),
            patient.email if see else masked(patient.email),
        )
        for patient in patients
    ]


class Filters:
    """The filters of the list as they stand in the address; unknown values are ignored."""

    def __init__(self, request: HttpRequest) -> None:
        self.segmentations = people.filterable()
        self.branches = list(Branch.objects.order_by("name"))
        asked = request.GET
        self.segments = {
            segmentation: code
            for segmentation in self.segmentations
            if (code := asked.get(segmentation.code, "")) in {segment.code for segment in segmentation.segments.all()}
        }
        known = {str(branch.pk) for branch in self.branches}
        self.branch = asked.get("branch", "") if asked.get("branch") in known else ""

    def apply(self, patients: QuerySet[Patient]) -> QuerySet[Patient]:
        if self.branch:
            patients = patients.filter(branch=int(self.branch))
        return people.members(patients, self.segments)

    @property
    def active(self) -> bool:
        return bool(self.segments or self.branch)

    def as_audience(self) -> str:
        """The filters as the address of a new campaign takes them."""
        asked = QueryDict(mutable=True)
        for segmentation, code in self.segments.items():
            asked.appendlist("segment", f"{segmentation.code}:{code}")
        if self.branch:
            asked["branch"] = self.branch
        return asked.urlencode()

    def fields(self) -> list[dict[str, Any]]:
        """For components/_filter_bar.html."""
        found = [self._select(segmentation) for segmentation in self.segmentations]
        if len(self.branches) > 1:
            options = [("", _("All branches")), *((str(branch.pk), branch.name) for branch in self.branches)]
            branch = {"name": "branch", "label": _("Home branch"), "kind": "select", "value": self.branch}
            found.append({**branch, "options": options})
        return found

    def _select(self, segmentation: Segmentation) -> dict[str, Any]:
        options = [("", _("All")), *((segment.code, str(segment)) for segment in segmentation.segments.all())]
        value = self.segments.get(segmentation, "")
        return {
            "name": segmentation.code, "label": str(segmentation), "kind": "select", "value": value, "options": options
        }  # fmt: skip


@requires("patients.view_patient")
@require_http_methods(["GET", "HEAD", "POST"])
def patients(request: HttpRequest) -> HttpResponse:
    """The list, newest first; a POST searches within the filters and answers htmx with the list alone."""
    filters = Filters(request)
    shown = filters.apply(listed()).select_related("branch", "metrics")
    text = normalised(request.POST.get("q", ""))
    context = _found(request, search(text, shown)) if text else _page(request, shown)
    context |= {"text": text, "filtered": filters.active, "as_audience": filters.as_audience()}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "patients/_list.html", context)
    context |= {"filters": filters.fields(), "total": BaseTotal.objects.first(), "reset": reverse("patients")}
    return render(request, "patients/list.html", context)


def _found(request: HttpRequest, found: Found) -> dict[str, Any]:
    return {"rows": rows_of(found.patients, request), "more": found.more, "too_short": found.too_short}


def _page(request: HttpRequest, shown: QuerySet[Patient]) -> dict[str, Any]:
    """One page by key: `after` is the last key of the page above, `before` the first of the page below."""
    after, before = _key(request, "after"), _key(request, "before")
    if before:
        page = list(shown.filter(pk__gt=before).order_by("pk")[: PAGE + 1])
        above, below = len(page) > PAGE, True
        page = page[:PAGE][::-1]
    else:
        page = list((shown.filter(pk__lt=after) if after else shown).order_by("-pk")[: PAGE + 1])
        above, below = bool(after), len(page) > PAGE
        page = page[:PAGE]
    kept = request.GET.copy()
    for name in ("after", "before"):
        kept.pop(name, None)

    def address(name: str, key: int) -> str:
        asked = kept.copy()
        asked[name] = str(key)
        return f"?{asked.urlencode()}"

    return {
        "rows": rows_of(page, request),
        "previous_url": address("before", page[0].pk) if above and page else "",
        "next_url": address("after", page[-1].pk) if below and page else "",
    }


def _key(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@requires("patients.view_patient")
@require_http_methods(["GET", "HEAD", "POST"])
def everything(request: HttpRequest) -> HttpResponseBase:
    """The search of the header: patients, segments, rules, pages. htmx gets a fragment, Enter the list of patients."""
    if request.method != "POST":
        return redirect("patients")
    if not request.htmx:  # type: ignore[attr-defined]
        return patients(request)
    text = normalised(request.POST.get("q", ""))
    found = search(text, listed().select_related("branch"), HITS) if text else Found()
    context = {
        "text": text,
        "rows": rows_of(found.patients, request),
        "more": found.more,
        "too_short": found.too_short,
        "segments": _segments(text) if text and request.user.has_perm("segmentation.view_segment") else [],
        "rules": rules.searched(text) if text and request.user.has_perm("triggers.view_triggerrule") else [],
        "pages": _pages(request, text) if text else [],
    }
    return render(request, "patients/_hits.html", context)


def _segments(text: str) -> list[Segment]:
    """Segments whose name in either language contains the words. There are dozens of them, so Python compares."""
    rows = Segment.objects.filter(segmentation__active=True, active=True).select_related("segmentation")
    return [row for row in rows if text in normalised(f"{row.name} {row.name_en} {row.segmentation.name}")][:5]


def _pages(request: HttpRequest, text: str) -> list[dict[str, Any]]:
    """Entries of the reader's own menus."""
    menu: Any = pages(request)
    return [entry for entry in menu if text in normalised(str(entry["label"]))]

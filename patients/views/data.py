"""The data page: what the sources sent, what could not be taken and why, what needs a second look."""

import datetime as dt
import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from patients.access import requires
from patients.models import IngestBatch, Rejected
from patients.models.intake import Resource
from patients.selectors import data_quality as quality
from patients.services.replay import Replay, dismiss, replay
from patients.tasks import replay_all

READ, DECIDE = "patients.view_ingestbatch", "patients.change_rejected"


def _tabs(active: str) -> list[dict[str, Any]]:
    labels = {
        "data": _("Batches"),
        "data_rejected": _("Rejected"),
        "data_stubs": _("Not described"),
        "data_doubles": _("Possible doubles"),
        "data_doubtful": _("Doubtful"),
    }
    return [{"url": reverse(name), "label": label, "active": name == active} for name, label in labels.items()]


def _page(request: HttpRequest, tab: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"patients/{tab}.html", {"tabs": _tabs(tab), "headline": _headline(), **context})


def _headline() -> str:
    newest = IngestBatch.objects.order_by("-pk").values_list("started_at", flat=True).first()
    if newest is None:
        return _("No source has sent anything yet.")
    waiting = quality.bounded_count(quality.rejected_items())
    return _("Rejected items waiting for a decision: %(rejected)s; last data: %(when)s") % {
        "when": _moment(newest), "rejected": waiting
    }  # fmt: skip


def _moment(at: dt.datetime) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")


def _key(request: HttpRequest) -> int | None:
    """The key of a page; anything that is none shows the first page."""
    word = request.GET.get("from", "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 19 else None


def _next_url(request: HttpRequest, key: str) -> str:
    if not key:
        return ""
    query = request.GET.copy()
    query["from"] = key
    return f"{request.path}?{query.urlencode()}"


class _Filter:
    """Source, resource and resolution as the address has them; words that mean nothing are as good as none."""

    def __init__(self, values: Any) -> None:
        self.sources = quality.sources()
        known = {str(source.pk): source.pk for source in self.sources}
        self.source = known.get(values.get("source", ""))
        resource = values.get("resource", "")
        self.resource = resource if resource in Resource.values else ""
        resolution = values.get("resolution", "")
        self.resolution = resolution if resolution in Rejected.Resolution.values else Rejected.Resolution.OPEN.value

    def bar(self, *, resolutions: bool = False) -> list[dict[str, Any]]:
        every = ("", _("all"))
        bar: list[dict[str, Any]] = [
            {
                "name": "source", "label": _("Source"), "kind": "select",
                "value": str(self.source or ""), "options": [every, *((str(s.pk), str(s)) for s in self.sources)],
            },
            {
                "name": "resource", "label": _("Records"), "kind": "select",
                "value": self.resource, "options": [every, *Resource.choices],
            },
        ]  # fmt: skip
        if resolutions:
            bar.append(
                {
                    "name": "resolution", "label": _("Decision"), "kind": "select",
                    "value": self.resolution, "options": Rejected.Resolution.choices,
                }
            )  # fmt: skip
        return bar

    def query(self) -> str:
        given = {"source": self.source, "resource": self.resource}
        return urlencode({name: value for name, value in given.items() if value})


@require_GET
@requires(READ)
def data(request: HttpRequest) -> HttpResponse:
    """Sources and batches; while a batch is running the page asks for its rows again."""
    chosen = _Filter(request.GET)
    page = quality.batches(chosen.source, chosen.resource, _key(request))
    context = {
        "rows": [_batch_row(batch) for batch in page.rows],
        "next_url": _next_url(request, page.next_key),
        "running": any(batch.state == IngestBatch.State.RUNNING for batch in page.rows),
        "filters": chosen.bar(),
        "filtered": bool(chosen.source or chosen.resource),
        "sources": chosen.sources,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "patients/_batches.html", context)
    return _page(request, "data", context)


def _batch_row(batch: IngestBatch) -> dict[str, Any]:
    percent = min(100, batch.received * 100 // batch.expected) if batch.expected else 0
    return {"batch": batch, "percent": percent}


@require_GET
@requires(READ)
def data_rejected(request: HttpRequest) -> HttpResponse:
    chosen = _Filter(request.GET)
    rows = quality.rejected_items(chosen.resolution, chosen.resource, chosen.source)
    page = quality.rejected_page(rows, _key(request))
    return _page(
        request,
        "data_rejected",
        {
            "rows": [_rejected_row(item) for item in page.rows],
            "next_url": _next_url(request, page.next_key),
            "count": quality.bounded_count(rows),
            "filters": chosen.bar(resolutions=True),
            "chosen": chosen,
            "open": chosen.resolution == Rejected.Resolution.OPEN,
        },
    )


def _rejected_row(item: Rejected) -> dict[str, Any]:
    errors = item.errors if isinstance(item.errors, dict) else {"": item.errors}
    by_field = [
        (name, " ".join(map(str, texts)) if isinstance(texts, list) else str(texts)) for name, texts in errors.items()
    ]
    payload = json.dumps(item.payload, ensure_ascii=False, indent=2)
    return {"item": item, "errors": by_field, "payload": payload}


@require_GET
@requires(READ)
def data_stubs(request: HttpRequest) -> HttpResponse:
    counts = quality.stub_counts()
    asked = request.GET.get("kind", "")
    kind = asked if asked in counts else next((name for name, count in counts.items() if count), "patients")
    page = quality.stub_page(kind, _key(request))
    labels = dict(Resource.choices)
    kinds = [
        {"code": code, "label": labels[code], "count": count, "active": code == kind} for code, count in counts.items()
    ]
    return _page(
        request,
        "data_stubs",
        {"page": page, "next_url": _next_url(request, page.next_key), "kinds": kinds, "kind": kind},
    )


@require_GET
@requires(READ, "patients.view_patient")
def data_doubles(request: HttpRequest) -> HttpResponse:
    page = quality.doubles(_key(request))
    return _page(request, "data_doubles", {"page": page, "next_url": _next_url(request, page.next_key)})


@require_GET
@requires(READ, "patients.view_patient")
def data_doubtful(request: HttpRequest) -> HttpResponse:
    texts = _doubt_texts()
    doubts = [{"doubt": doubt, **texts[doubt.code]} for doubt in quality.doubts(timezone.localdate())]
    return _page(request, "data_doubtful", {"doubts": doubts, "any": any(one["doubt"].shown for one in doubts)})  # type: ignore[attr-defined]


def _doubt_texts() -> dict[str, dict[str, str]]:
    return {
        "born_in_future": {
            "title": _("Born in the future"),
            "text": _("The birth date has not come yet: most often a wrong century."),
        },
        "too_old": {
            "title": _("Older than %(age)s") % {"age": quality.OLDEST_AGE},
            "text": _("A birth date nobody has: often a placeholder such as 01.01.1900 in the source."),
        },
        "visited_before_birth": {
            "title": _("A visit before birth"),
            "text": _("The birth date or the date of a visit is wrong; scores count the visit all the same."),
        },
        "done_in_future": {
            "title": _("Completed in the future"),
            "text": _("The visit is marked as completed, but its day has not come."),
        },
        "negative_total": {
            "title": _("A total below zero"),
            "text": _("Discounts are larger than the price; such a visit lowers the income."),
        },
    }


@require_POST
@requires(READ, DECIDE)
def replay_one(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(Rejected, pk=pk)
    _tell(request, replay([pk]))
    return _back(request)


@require_POST
@requires(READ, DECIDE)
def dismiss_one(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(Rejected, pk=pk)
    if dismiss([pk]):
        messages.success(request, _("The item is put aside; it can be read under “dismissed”."))
    else:
        messages.info(request, _("This item has been decided already."))
    return _back(request)


@require_POST
@requires(READ, DECIDE)
def replay_filtered(request: HttpRequest) -> HttpResponse:
    chosen = _Filter(request.POST)
    replay_all.delay(resource=chosen.resource, source=chosen.source)
    messages.success(request, _("The items are being replayed; those taken will leave this list."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    query = _Filter(request.POST).query()
    return redirect(reverse("data_rejected") + (f"?{query}" if query else ""))


def _tell(request: HttpRequest, done: Replay) -> None:
    if done.taken:
        messages.success(request, _("The item has been taken."))
    elif done.still_bad:
        messages.warning(request, _("The item still cannot be taken; its errors are up to date."))
    elif done.overtaken:
        messages.info(request, _("The source has sent a newer version since; the old one is put aside."))
    elif done.unreadable:
        messages.warning(
            request,
            _("This line could not be read from the file: correct the file or the mapping and import it again."),
        )
    else:
        messages.info(request, _("This item has been decided already."))

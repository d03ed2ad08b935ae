"""Offers: what the clinic proposes, until when, and what came of it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.models import Offer
from campaigns.selectors import content as reading
from campaigns.services.running import starting
from campaigns.services.writing import content
from campaigns.services.writing.contexts import benefit
from campaigns.views.content_forms import OfferForm
from patients.access import requires
from segmentation.models import Segment


def _headline(open_count: int) -> str:
    if not open_count:
        return _("What a patient is offered; nothing is offered yet.")
    return ngettext("%(n)s offer can be used in campaigns.", "%(n)s offers can be used in campaigns.", open_count) % {
        "n": open_count
    }


@require_GET
@requires("campaigns.view_offer")
def offers(request: HttpRequest) -> HttpResponse:
    archived, query = request.GET.get("state") == "archived", sought(request)
    page = reading.page(reading.offers(archived, query), *_keys(request))
    uses, today = reading.uses(page.rows), timezone.localdate()
    rows = [
        {"offer": offer, "benefit": benefit(offer), "uses": uses.get(offer.pk, 0), "state": validity(offer, today)}
        for offer in page.rows
    ]  # fmt: skip
    open_count = Offer.objects.filter(archived_at__isnull=True).count()
    context: dict[str, Any] = {
        "rows": rows, "archived": archived, "query": query, "any": bool(rows) or Offer.objects.exists(),
        "headline": _headline(open_count),
        "filters": [
            {"name": "q", "label": _("Name or promo code"), "kind": "search", "value": query},
            {"name": "state", "label": _("Show"), "kind": "select", "value": "archived" if archived else "",
             "options": [("", _("in use")), ("archived", _("archived"))]},
        ],
        "previous_url": address(request, before=page.before), "next_url": address(request, after=page.after),
    }  # fmt: skip
    return render(request, "campaigns/content/offers.html", context)


def sought(request: HttpRequest) -> str:
    """What is looked for in a list; PostgreSQL takes no NUL."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:100]


def validity(offer: Offer, today: Any) -> tuple[str, str]:
    """A tone and a word: is the offer valid today?"""
    if offer.archived_at:
        return "secondary", _("archived")
    if offer.valid_until and offer.valid_until < today:
        return "secondary", _("expired")
    if offer.valid_from and offer.valid_from > today:
        return "warning", _("not yet")
    return "success", _("valid")


def address(request: HttpRequest, **keys: int | None) -> str:
    """The address of a neighbouring page; empty when there is none."""
    given = {name: value for name, value in keys.items() if value is not None}
    if not given:
        return ""
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in given.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


def _keys(request: HttpRequest) -> tuple[int | None, int | None]:
    found = []
    for name in ("after", "before"):
        value = request.GET.get(name, "")
        found.append(int(value) if value.isdecimal() and len(value) < 16 else None)
    return found[0], found[1]


keys = _keys


@require_http_methods(["GET", "POST"])
@requires("campaigns.add_offer")
def offer_new(request: HttpRequest) -> HttpResponse:
    """A new offer. `?segment=<segmentation>:<segment>` brings along the draft offer written for a cluster.

    The name is left to the marketer: patients read it, and the name of a cluster is none of their business.
    """
    draft = "".join(segment.offer for segment in _meant_for(request))
    return _form(request, Offer(created_by_id=request.user.pk, promo_code="", url="", terms=draft))


def _meant_for(request: HttpRequest) -> tuple[Segment, ...]:
    """The segment an offer was begun for; it stays in the address, so that a campaign can be made for it."""
    return starting.of_query({}, request.GET.getlist("segment")[:1], []).segments


@require_http_methods(["GET", "POST"])
@requires("campaigns.view_offer")
def offer(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Offer, pk=pk)
    if request.method == "POST" and not request.user.has_perm("campaigns.change_offer"):
        return HttpResponse(status=403)
    return _form(request, found)


def _form(request: HttpRequest, found: Offer) -> HttpResponse:
    form = OfferForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                saved = form.save()
        except IntegrityError:  # somebody took the code a moment ago
            form.add_error("promo_code", _("Another offer has this code: visits could not be told apart."))
        else:
            messages.success(request, _("The offer is saved."))
            query = urlencode([("segment", f"{one.segmentation.code}:{one.code}") for one in _meant_for(request)])
            return redirect(reverse("offer", args=[saved.pk]) + (f"?{query}" if query else ""))
    known = found.pk is not None
    stored = Offer.objects.filter(pk=found.pk).first() if known else None
    context = {
        "form": form, "offer": stored,
        "may_change": request.user.has_perm("campaigns.change_offer" if known else "campaigns.add_offer"),
        "campaigns": reading.campaigns_of_offer(stored) if stored else [],
        "state": validity(stored, timezone.localdate()) if stored else None,
        "benefit": benefit(stored) if stored else None,
        "meant_for": _meant_for(request) if stored else (),
    }  # fmt: skip
    return render(request, "campaigns/content/offer.html", context, status=422 if form.errors else 200)


@require_POST
@requires("campaigns.change_offer")
def offer_archive(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Offer, pk=pk)
    back = request.POST.get("back") == "1"
    content.archive(found, None if back else timezone.now())
    messages.success(request, _("The offer is back in use.") if back else _("The offer is archived."))
    return redirect("offer", pk=pk)

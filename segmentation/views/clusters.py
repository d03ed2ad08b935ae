"""Pages of clusters: which there are, a search for new ones, what was found, what the marketer writes about them."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from patients.access import requires
from segmentation.models import BaseTotal, Segment, Segmentation
from segmentation.reports import cluster_pages
from segmentation.reports.cluster_errors import refusal
from segmentation.selectors import clusters as reading
from segmentation.services import own
from segmentation.services.clusters import requesting
from segmentation.views.cluster_forms import PRESETS, ClusteringForm, PersonaForm, bases, initial_of
from segmentation.views.files import picture_file

MAY_CHANGE = ("segmentation.view_segment", "segmentation.change_segment")


def _may_change(request: HttpRequest) -> bool:
    return request.user.has_perm("segmentation.change_segment")


def _clustering(code: str) -> reading.Clustering:
    found = reading.clustering(code)
    if found is None:
        raise Http404
    return found


@require_safe
@requires("segmentation.view_segment")
def clusters(request: HttpRequest) -> HttpResponse:
    """Every clustering that is kept, with what came of it."""
    latest = BaseTotal.objects.first()
    context = {
        "rows": cluster_pages.overview_rows(reading.clusterings(), latest.as_of if latest else None),
        "archived": reading.clusterings(active=False),
        "night": latest,
        "may_change": _may_change(request),
    }
    return render(request, "segmentation/clusters.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(*MAY_CHANGE)
def clusters_new(request: HttpRequest) -> HttpResponse:
    """Choose the patients and the features, and search."""
    return _form(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(*MAY_CHANGE)
def clusters_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Look for something else; the clusters in force stay until a new search has found others."""
    return _form(request, _clustering(code).segmentation)


def _form(request: HttpRequest, segmentation: Segmentation | None) -> HttpResponse:
    choices = bases(segmentation.code if segmentation else "")
    initial = {**initial_of(segmentation), **({"base": request.GET["base"]} if "base" in request.GET else {})}
    form = ClusteringForm(request.POST or None, bases=choices, initial=initial)
    preset = PRESETS.get(request.POST.get("preset", ""))
    if preset:  # a set of features was taken: the form comes again with it, and with all else as it was
        kept = {name: request.POST.get(name, "") for name in ("code", "base", "k", "method", "name", "name_en")}
        form = ClusteringForm(bases=choices, initial={**kept, "features": list(preset[1])})
    elif request.method == "POST" and form.is_valid():
        return _searched(request, form, segmentation)
    context = {
        "form": form, "segmentation": segmentation,
        "presets": [(code, label, set(features) == form.chosen()) for code, (label, features) in PRESETS.items()],
        "night": BaseTotal.objects.exists(),
    }  # fmt: skip
    return render(request, "segmentation/clusters_form.html", context, status=422 if form.errors else 200)


def _searched(request: HttpRequest, form: ClusteringForm, segmentation: Segmentation | None) -> HttpResponse:
    data = form.cleaned_data
    there = Segmentation.objects.filter(code=data["code"]).first()
    if (segmentation and data["code"] != segmentation.code) or (there and there.kind != reading.KIND):
        raise Http404
    made = there or requesting.create(data["code"], data["name"], data["name_en"], form.wish())
    # A form sent twice finds the clustering it has made.
    saved = requesting.edit(made, data["name"], data["name_en"], form.wish()) if there else made
    return _ask(request, saved)


def _ask(request: HttpRequest, segmentation: Segmentation) -> HttpResponse:
    try:
        requesting.request(segmentation, request.user)
    except requesting.NotPossibleError as problem:
        messages.error(request, str(problem))
    return redirect("cluster_page", segmentation.code)


@require_POST
@requires(*MAY_CHANGE)
def clusters_search(request: HttpRequest, code: str) -> HttpResponse:
    """Search again for what is asked for now."""
    return _ask(request, _clustering(code).segmentation)


@require_safe
@requires("segmentation.view_segment", "patients.view_patient")
def cluster_page(request: HttpRequest, code: str) -> HttpResponseBase:
    """The map, what the clusters are like, a card for each, why so many; or how far the search is."""
    found = _clustering(code)
    latest = BaseTotal.objects.first()
    as_of = latest.as_of if latest else None
    page = cluster_pages.page_of(found, as_of)
    answer = picture_file(request, page.pictures(), as_of)
    if answer:
        return answer
    segments = [card.segment for card in page.cards]
    examples = reading.examples(segments) if segments else {}
    may_change = _may_change(request) and found.segmentation.active
    for card in page.cards:
        card.examples = examples.get(card.segment.pk, [])
        card.form = PersonaForm(segment=card.segment) if may_change else None
    waiting = _waiting(found.segmentation)
    context: dict[str, Any] = {
        "clustering": found,
        "headline": page.headline or (_("The clusters are being looked for.") if waiting["under_way"] else ""),
        "segmentation": found.segmentation,
        "page": page,
        "may_change": may_change,
        "may_restore": _may_change(request),
        **waiting,
    }
    return render(request, "segmentation/cluster_page.html", context)


def _waiting(segmentation: Segmentation) -> dict[str, Any]:
    fit = requesting.status(segmentation)
    under_way = fit is not None and fit.state in requesting.UNDER_WAY
    return {
        "fit": fit,
        "under_way": under_way,
        "stage": cluster_pages.stage_words(fit) if under_way else "",
        "no_worker": under_way and cluster_pages.waits_long(fit),
        "problem": refusal(fit) if fit else "",
    }


@require_safe
@requires("segmentation.view_segment")
def clusters_status(request: HttpRequest, code: str) -> HttpResponse:
    """The bar alone, asked for while a search is under way; when it is over, the page comes anew."""
    segmentation = get_object_or_404(Segmentation, code=code, kind=reading.KIND)
    waiting = _waiting(segmentation)
    answer = render(request, "segmentation/_clusters_progress.html", {"segmentation": segmentation, **waiting})
    if not waiting["under_way"]:
        answer["HX-Refresh"] = "true"
    return answer


@require_http_methods(["POST"])
@requires(*MAY_CHANGE)
def cluster_persona(request: HttpRequest, code: str, segment: str) -> HttpResponse:
    """Save what was written about a cluster: the card's own part for htmx, else back to the page."""
    found = get_object_or_404(
        Segment.objects.select_related("segmentation"), segmentation__code=code, segmentation__kind=reading.KIND,
        segmentation__active=True, code=segment,
    )  # fmt: skip
    form = PersonaForm(request.POST, segment=found)
    saved = form.is_valid()
    if saved:
        requesting.save_persona(found, form.persona())
    fragment: bool = request.htmx  # type: ignore[attr-defined]
    if not fragment and saved:
        messages.success(request, _("The description of the cluster is saved."))
        return redirect(f"{reverse('cluster_page', args=[code])}#cluster-{segment}")
    context = {
        "segmentation": found.segmentation, "segment": found, "form": form, "may_change": True, "saved": saved,
        "renamed": saved, "open": not saved, "alone": not fragment,
    }  # fmt: skip
    # htmx puts nothing into the page from an answer that says it failed.
    status = 200 if saved or fragment else 422
    template = "segmentation/_cluster_persona.html" if fragment else "segmentation/cluster_persona.html"
    return render(request, template, context, status=status)


@require_POST
@requires(*MAY_CHANGE)
def clusters_archive(request: HttpRequest, code: str) -> HttpResponse:
    """Archive, or bring back what is archived (`restore` in the form)."""
    segmentation = _clustering(code).segmentation
    if "restore" in request.POST:
        requesting.restore(segmentation)
        messages.success(request, _("The clusters are back."))
        return redirect("cluster_page", code)
    try:
        requesting.archive(segmentation)
    except own.InUseError as error:
        names = ", ".join(f"«{one}»" for one in error.users)
        messages.error(request, _("Own segments are made of these clusters, they stay: %(names)s.") % {"names": names})
        return redirect("cluster_page", code)
    messages.success(request, _("The clusters are in the archive; they can be brought back at the foot of this page."))
    return redirect("clusters")

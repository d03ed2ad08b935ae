"""What the editor of conditions asks while it is used: how many, in which words, and what a field offers."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from patients import wording
from patients.access import requires
from segmentation import conditions
from segmentation.models import BaseTotal
from segmentation.reports.editor import SEARCHED
from segmentation.selectors import directory
from segmentation.services import audiences

# The planner alone may be wrong by a factor of ten: worth waiting a little for the true number.
SECONDS = 4.0
LONGEST_TREE = 200_000


def _posted_tree(request: HttpRequest) -> Any:
    text = request.POST.get("where", "")
    try:
        return conditions.read(text) if 0 < len(text) <= LONGEST_TREE else None
    except ValueError:
        return None


@require_POST
@requires("segmentation.view_segment")
def audience_count(request: HttpRequest) -> JsonResponse:
    """Sentence and size of the posted tree, or its problems with their places. Nothing is saved."""
    tree = _posted_tree(request)
    problems = audiences.problems(tree)
    if problems:
        said = [{"path": problem.path, "message": problem.message} for problem in problems]
        return JsonResponse({"problems": said})
    size = audiences.size(tree, timezone.localdate(), seconds=SECONDS)
    people = wording.patients_count(size.patients)
    if not size.exact:
        people = _("about %(patients)s") % {"patients": people}
    base = BaseTotal.objects.first()
    share = ""
    if base and base.patients:
        share = _("%(share)s of the base") % {"share": wording.share(size.patients / base.patients)}
    return JsonResponse(
        {
            "patients": size.patients,
            "exact": size.exact,
            "count": people,
            "share": share,
            "sentence": audiences.sentence(tree),
            "problems": [],
        }
    )


@require_GET
@requires("segmentation.view_segment")
def audience_options(request: HttpRequest) -> JsonResponse:
    """Choices of a field whose name holds the typed words."""
    source = request.GET.get("source", "")
    if source not in SEARCHED and source != "city":
        return JsonResponse({"options": []}, status=404)
    typed = request.GET.get("q", "").replace("\0", "")[:100]
    return JsonResponse({"options": [[one, name] for one, name in directory.options(source, typed)]})

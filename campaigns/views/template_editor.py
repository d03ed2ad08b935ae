"""The editor of a text: write, see what a patient would read, be told what is wrong and where."""

from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.models import Offer, Policy, Template, TemplateText
from campaigns.models.content import Language
from campaigns.rendering import blocks, names, variables
from campaigns.rendering.converting import as_mjml
from campaigns.selectors import content as reading
from campaigns.services.writing import content, previews
from campaigns.services.writing.previews import Written
from campaigns.views.content_forms import TestForm, TextForm
from patients.access import requires
from patients.models import Patient
from patients.wording import age

KINDS = {
    "woman": gettext_lazy("a woman"),
    "man": gettext_lazy("a man"),
    "older": gettext_lazy("over 55"),
    "child": gettext_lazy("a child, the guardian reads"),
    "unnamed": gettext_lazy("little is known"),
    "foreign": gettext_lazy("reads English"),
}
# Pictures of a letter lie on the clinic's own site.
_pictures = csp_update({"img-src": ["https:"]})


@_pictures
@require_http_methods(["GET", "POST"])
@requires("campaigns.view_template")
def template(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Template, pk=pk)
    if request.method == "POST":
        if not request.user.has_perm("campaigns.change_template"):
            return HttpResponse(status=403)
        return _save(request, found)
    language = _language(request.GET.get("language", ""))
    text = found.texts.filter(language=language, current=True).first()
    written = Written(language, text.subject, text.preheader, text.body) if text else Written(language, "", "", "")
    return _editor(request, found, written, text)


def _language(asked: str) -> str:
    return asked if asked in Language.values else "ru"


def _save(request: HttpRequest, found: Template) -> HttpResponse:
    form = TextForm(request.POST)
    valid = form.is_valid()
    written = _written(request)
    current = found.texts.filter(language=written.language, current=True).first()
    if not valid:
        return _editor(request, found, written, current, form.errors, status=422)
    if request.POST.get("do") == "to_mjml":
        body, problems = as_mjml(written.body, written.language)
        if problems:
            return _editor(request, found, written, current, status=422)
        messages.info(request, _("This is the letter as MJML. It is saved only when you save it."))
        changed = Written(written.language, written.subject, written.preheader, body)
        return _editor(request, found, changed, current)
    name = request.POST.get("name", "").replace("\x00", "").strip()[:200]
    if name and name != found.name:
        Template.objects.filter(pk=found.pk).update(name=name)
    try:
        text = content.save_text(
            found, written.language, written.subject, written.preheader, written.body, request.user
        )  # fmt: skip
    except content.NotSaved:
        messages.error(request, _("Not saved: the text cannot be read. What is wrong stands below, with the places."))
        return _editor(request, found, written, current, status=422)
    _say(request, found, text, current)
    return redirect(f"{reverse('template', args=[found.pk])}?language={text.language}")


def _say(request: HttpRequest, found: Template, text: TemplateText, before: TemplateText | None) -> None:
    if before is not None and before.pk == text.pk:
        messages.info(request, _("Nothing has changed: version %(n)s stays.") % {"n": text.version})
        return
    written = Written(text.language, text.subject, text.preheader, text.body)
    errors = previews.preview(found, written, None, None, timezone.now()).errors
    messages.success(request, _("Saved as version %(n)s.") % {"n": text.version})
    if errors:
        said = ngettext(
            "%(n)s error stands in the way of a launch: see the list below.",
            "%(n)s errors stand in the way of a launch: see the list below.",
            errors,
        )
        messages.warning(request, said % {"n": errors})


def _written(request: HttpRequest) -> Written:
    """As typed, whatever it is: nothing a person wrote is lost."""
    post = request.POST
    return Written(
        _language(post.get("language", "")), post.get("subject", ""), post.get("preheader", ""),
        post.get("body", "").replace("\r\n", "\n"),
    )  # fmt: skip


def _editor(
    request: HttpRequest, found: Template, written: Written, text: TemplateText | None, errors: Any = None,
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    languages = [
        {"code": code, "label": label, "active": code == written.language, "exists": code in _existing(found)}
        for code, label in Language.choices
    ]
    context = {
        "template": found, "written": written, "text": text, "languages": languages, "errors": errors,
        "is_mjml": blocks.is_mjml(written.body), "variables": _variables(found.channel), "cases": _cases(),
        "examples": _examples(request), "offers": Offer.objects.filter(archived_at__isnull=True)[:50],
        "may_change": request.user.has_perm("campaigns.change_template"),
        "policy": Policy.load(), "campaigns": reading.campaigns_of_template(found),
        "preview": previews.preview(found, written, None, None, timezone.now()) if status != 200 else None,
    }  # fmt: skip
    return render(request, "campaigns/content/template.html", context, status=status)


def _existing(found: Template) -> set[str]:
    return set(found.texts.filter(current=True).values_list("language", flat=True))


def _variables(channel: str) -> list[dict[str, Any]]:
    """The picker: groups of variables with what they mean and an example."""
    return [
        {"label": label, "rows": [one for one in variables.CATALOGUE if one.group == group]}
        for group, label in variables.GROUPS.items()
    ]


def _cases() -> list[dict[str, str]]:
    """One name in all cases: what a marketer looks for when a text needs one."""
    words = {
        "nominative": _("who? Anna"), "genitive": _("of whom?"), "dative": _("to whom?"), "accusative": _("whom?"),
        "instrumental": _("by whom?"), "prepositional": _("about whom?"),
    }  # fmt: skip
    example = names.Name("Анна", sex="female")
    return [{"code": case, "label": words[case], "example": names.in_case(example, case)} for case in names.CASES[1:]]


def _examples(request: HttpRequest) -> list[dict[str, Any]]:
    """Real patients for those who may see patients."""
    if not request.user.has_perm("patients.view_patient"):
        return []
    today = timezone.localdate()
    return [
        {
            "pk": one.patient.pk,
            "label": f"{one.patient.full_name or one.patient}, {age(one.patient.birth_date, today)}",
            "kind": KINDS[one.kind],
        }
        for one in reading.examples(today)
    ]


def _chosen(request: HttpRequest, form: TextForm) -> tuple[Patient | None, Offer | None]:
    """The patient and the offer of the preview; a reader who may not see patients gets the made-up one."""
    number = form.cleaned_data.get("patient") if form.is_valid() else None
    patient = None
    if number and request.user.has_perm("patients.view_patient"):
        patient = Patient.objects.filter(pk=number, deleted_at__isnull=True, merged_into__isnull=True).first()
    return patient, form.cleaned_data.get("offer") if form.is_valid() else None


@_pictures
@require_POST
@requires("campaigns.view_template")
def template_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The letter for one patient and everything to be said about the text; asked for while one types."""
    found = get_object_or_404(Template, pk=pk)
    form = TextForm(request.POST)
    written = _written(request)
    patient, offer = _chosen(request, form)
    shown = previews.preview(found, written, patient, offer, timezone.now())
    context = {"template": found, "written": written, "preview": shown, "form_errors": form.errors}
    return render(request, "campaigns/content/_preview.html", context)


@require_POST
@requires("campaigns.change_template")
def template_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send what is typed to the writer's own address."""
    found = get_object_or_404(Template, pk=pk)
    form, to_form = TextForm(request.POST), TestForm(request.POST)
    answer: dict[str, Any] = {}
    to = ""
    if to_form.is_valid():
        to = to_form.cleaned_data["to_email" if found.channel == "email" else "to_phone"]
    if found.channel == "call":
        answer["error"] = _("A script is read aloud: there is nothing to send.")
    elif not form.is_valid():
        answer["error"] = _("The text is too long.")
    elif not to:
        wrong = [error for errors in to_form.errors.values() for error in errors]
        answer["error"] = wrong[0] if wrong else _("Say where the test shall go.")
    else:
        patient, offer = _chosen(request, form)
        try:
            previews.send_test(found, _written(request), patient, offer, to, timezone.now())
            answer["sent"] = to
        except previews.NotSent as error:
            answer["error"] = str(error)
    return render(request, "campaigns/content/_test.html", answer)

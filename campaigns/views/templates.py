"""Templates: the list, a new one, its versions."""

import difflib
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.models import Channel, Purpose, Template, TemplateText
from campaigns.models.content import Language
from campaigns.selectors import content as reading
from campaigns.services.writing import content
from campaigns.views.content_forms import TemplateForm
from campaigns.views.offers import address, keys, sought
from patients.access import requires

ICONS = {"email": "ti-mail", "sms": "ti-message", "call": "ti-phone"}


def _headline(open_count: int) -> str:
    if not open_count:
        return _("What patients read; no text is ready yet.")
    return ngettext("%(n)s template is ready to be used.", "%(n)s templates are ready to be used.", open_count) % {
        "n": open_count
    }


@require_GET
@requires("campaigns.view_template")
def templates(request: HttpRequest) -> HttpResponse:
    channel = request.GET.get("channel", "")
    purpose = request.GET.get("purpose", "")
    archived, query = request.GET.get("state") == "archived", sought(request)
    channel = channel if channel in Channel.values else ""
    purpose = purpose if purpose in Purpose.values else ""
    page = reading.page(reading.templates(archived, channel, purpose, query), *keys(request))
    texts = reading.current_texts(page.rows)
    open_count = Template.objects.filter(archived_at__isnull=True).count()
    context: dict[str, Any] = {
        "rows": [{"template": one, "texts": texts.get(one.pk, []), "icon": ICONS[one.channel]} for one in page.rows],
        "narrows": bool(channel or purpose or archived or query), "any": Template.objects.exists(),
        "headline": _headline(open_count),
        "filters": [
            {"name": "q", "label": _("Name"), "kind": "search", "value": query},
            {"name": "channel", "label": _("Channel"), "kind": "select", "value": channel,
             "options": [("", _("All channels")), *Channel.choices]},
            {"name": "purpose", "label": pgettext("message", "Purpose"), "kind": "select", "value": purpose,
             "options": [("", _("All purposes")), *Purpose.choices]},
            {"name": "state", "label": _("Show"), "kind": "select", "value": "archived" if archived else "",
             "options": [("", _("in use")), ("archived", _("archived"))]},
        ],
        "previous_url": address(request, before=page.before), "next_url": address(request, after=page.after),
    }  # fmt: skip
    return render(request, "campaigns/content/templates.html", context)


@require_http_methods(["GET", "POST"])
@requires("campaigns.add_template")
def template_new(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("channel", "")
    initial = {"channel": asked if asked in Channel.values else Channel.EMAIL}
    form = TemplateForm(request.POST or None, instance=Template(created_by_id=request.user.pk), initial=initial)
    if request.method == "POST" and form.is_valid():
        return redirect("template", pk=form.save().pk)
    return render(request, "campaigns/content/template_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@requires("campaigns.add_template")
def template_starters(request: HttpRequest) -> HttpResponse:
    made = content.ensure_defaults(request.user, translation.get_language() or "ru")
    said = ngettext("%(n)s starting template was added.", "%(n)s starting templates were added.", len(made))
    messages.success(request, said % {"n": len(made)} if made else _("The starting templates are all there already."))
    return redirect("templates")


@require_GET
@requires("campaigns.view_template")
def template_versions(request: HttpRequest, pk: int) -> HttpResponse:
    """Every version in one language, each compared with the one before it."""
    template = get_object_or_404(Template, pk=pk)
    language = request.GET.get("language", "")
    language = language if language in Language.values else "ru"
    texts = list(template.texts.filter(language=language).select_related("made_by").order_by("-version")[:51])
    rows = [
        {"text": text, "diff": _difference(texts[number + 1] if number + 1 < len(texts) else None, text)}
        for number, text in enumerate(texts[:50])
    ]
    context = {
        "template": template, "language": language, "rows": rows, "languages": Language.choices,
        "may_change": request.user.has_perm("campaigns.change_template"),
    }  # fmt: skip
    return render(request, "campaigns/content/versions.html", context)


def _difference(old: TemplateText | None, new: TemplateText) -> list[tuple[str, str]]:
    """Lines with a sign: "+" added, "-" taken out, " " as before; only what is near a change."""
    if old is None:
        return []
    lines = difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=1)
    shown = [line for line in lines if not line.startswith(("---", "+++"))]
    return [("@", "…") if line.startswith("@@") else (line[:1], line[1:]) for line in shown][:400]


def _lines(text: TemplateText) -> list[str]:
    head = [f"{_('Subject')}: {text.subject}", f"{_('Preheader')}: {text.preheader}"] if text.subject else []
    return head + text.body.splitlines()


@require_POST
@requires("campaigns.change_template")
def template_current(request: HttpRequest, pk: int) -> HttpResponse:
    chosen = request.POST.get("text", "")
    number = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
    text = get_object_or_404(TemplateText, template_id=pk, pk=number)
    content.make_current(text)
    said = _("Version %(n)s is current now. Campaigns already launched keep their text.")
    messages.success(request, said % {"n": text.version})
    return redirect(f"{reverse('template_versions', args=[pk])}?language={text.language}")


@require_POST
@requires("campaigns.change_template")
def template_archive(request: HttpRequest, pk: int) -> HttpResponse:
    template = get_object_or_404(Template, pk=pk)
    back = request.POST.get("back") == "1"
    content.archive(template, None if back else timezone.now())
    messages.success(request, _("The template is back in use.") if back else _("The template is archived."))
    return redirect("template", pk=pk)

"""Pages beside the form of a rule: choosing the type, who would get it, a test to oneself, switching, archiving."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from campaigns import reasons as ledger_reasons
from patients.models import Patient
from triggers import reasons, rule_types
from triggers.admin.try_forms import TryForm
from triggers.models import Firing, TriggerRule
from triggers.selectors import ladder, words
from triggers.services import starters, switching, trying, who

PEOPLE = 50
_HERE = "admin/triggers/triggerrule/"


class RulePages:
    """Mixed into the admin of rules. GET only looks; what changes something is posted."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[Any]:
        pages = {
            "today": self.today_view, "try": self.try_view, "switch": self.switch_view, "archive": self.archive_view,
        }  # fmt: skip
        wrap = self.admin_site.admin_view
        own = [
            path(f"<int:pk>/{name}/", wrap(view), name=f"triggers_triggerrule_{name}") for name, view in pages.items()
        ]
        return own + super().get_urls()  # type: ignore[misc]

    # --- Before there is a rule -------------------------------------------------------------------------------------
    def choose_page(self, request: HttpRequest) -> HttpResponse:
        """The types along the patient's path."""
        stages = [
            {"name": name, "types": [kind for kind in rule_types.TYPES.values() if kind.stage == code]}
            for code, name in rule_types.STAGES.items()
        ]
        ready = TriggerRule.objects.filter(starter__isnull=False, enabled=False, archived_at__isnull=True).count()
        context = {
            "title": _("New rule: what is it to look for?"), "ready": ready,
            "stages": [stage for stage in stages if stage["types"]],
        }  # fmt: skip
        return self._page(request, "choose", context)

    def ready_page(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, "ready", {"title": _("Ready rules"), "missing": starters.missing()})

    def heading(self, request: HttpRequest) -> dict[str, Any]:
        kind = rule_types.TYPES.get(request.GET.get("type", ""))
        if kind is None:
            return {}
        return {"title": _("New rule: %(type)s") % {"type": kind.name}, "kind": kind, "needs": kind.needs()}

    # --- Around the form --------------------------------------------------------------------------------------------
    def panel(self, request: HttpRequest, rule: TriggerRule) -> dict[str, Any]:
        """The rule in words, what it lacks, what can be done with it; stands above the form."""
        kind = rule_types.TYPES.get(rule.rule_type)
        return {
            "title": str(rule),
            "rule": rule,
            "kind": kind,
            "type_name": words.type_name(rule),
            "sentence": words.sentence(rule),
            "ladder": words.ladder(ladder.current(rule)),
            "problems": switching.problems(rule),
            "running": Firing.objects.filter(rule=rule, state=Firing.State.OPEN).count(),
            "needs": kind.needs() if kind else "",
            "may_switch": self.has_switch_permission(request),  # type: ignore[attr-defined]
            "backtest_url": _reversed("backtest_new", rule.pk),
            "results_url": _reversed("trigger", rule.pk),
        }

    def ladders_page(self, request: HttpRequest, rule: TriggerRule, waiting: int) -> HttpResponse:
        """The ladder was changed while patients are on it: what becomes of them is asked, with the form kept."""
        posted = [(name, value) for name in request.POST for value in request.POST.getlist(name)]
        context = {
            "title": _("Ladders are going on: %(name)s") % {"name": rule}, "rule": rule, "waiting": waiting,
            "posted": [pair for pair in posted if pair[0] != "csrfmiddlewaretoken"],
        }  # fmt: skip
        return self._page(request, "ladders", context)

    # --- What can be done with it -----------------------------------------------------------------------------------
    def today_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Who would get its first message today, and what would become of it."""
        rule = self._rule(request, pk, "view")
        context: dict[str, Any] = {"title": _("Who would get it today: %(name)s") % {"name": rule}, "rule": rule}
        problems = switching.problems(rule)
        # Without services of its own it would look at everybody's: that list would be of another rule.
        if ladder.current(rule) and not rule.params.get("choose"):
            found = who.today(rule, timezone.now(), limit=PEOPLE)
            context |= {"found": found, "rows": _people(rule, found.people), "outcomes": _outcomes(rule, found)}
        return self._page(request, "today", {**context, "problems": problems})

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Every message to oneself, by the real channel of each."""
        rule = self._rule(request, pk, "change")
        form = TryForm(
            request.POST or None,
            initial={"email": getattr(request.user, "email", ""), "language": get_language() or "ru"},
        )
        trials: list[trying.Trial] = []
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            trials = trying.send(rule, {"email": data["email"], "sms": data["phone"]}, data["language"], timezone.now())
            if not trials:
                form.add_error(None, _("Nothing to send: give an address of a channel this rule uses."))
        steps = words.ladder(ladder.current(rule))
        context = {"title": _("Test to myself: %(name)s") % {"name": rule}, "rule": rule, "form": form,
                   "trials": trials, "ladder": steps}  # fmt: skip
        return self._page(request, "try", context)

    def switch_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """On or off, by what it is now. GET says what will happen."""
        rule = self._rule(request, pk, "view")
        if not self.has_switch_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method == "POST":
            return self._switch(request, rule)
        running = Firing.objects.filter(rule=rule, state=Firing.State.OPEN).count()
        title = _("Switch off: %(name)s") if rule.enabled else _("Switch on: %(name)s")
        context: dict[str, Any] = {"title": title % {"name": rule}, "rule": rule, "running": running,
                   "sentence": words.sentence(rule), "ladder": words.ladder(ladder.current(rule))}  # fmt: skip
        if not rule.enabled:
            context["problems"] = switching.problems(rule)
            if not context["problems"]:
                now = timezone.now()
                context["found"] = found = who.today(rule, now, limit=0, on=now)
                context["outcomes"] = _outcomes(rule, found)
        return self._page(request, "switch", context)

    def _switch(self, request: HttpRequest, rule: TriggerRule) -> HttpResponse:
        now = timezone.now()
        try:
            if request.POST.get("to") == "on":
                switching.switch_on(rule.pk, request.user, now)
                messages.success(request, _("The rule is on: it looks at the facts every few seconds."))
            else:
                asked = request.POST.get("ladders")
                switching.switch_off(rule.pk, request.user, now, ladders="stop" if asked == "stop" else "finish")
                messages.success(request, _("The rule is off: nothing new begins."))
        except switching.NotAllowed as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:triggers_triggerrule_change", rule.pk)

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put aside, it leaves the lists and its history stays; or taken back."""
        rule = self._rule(request, pk, "change")
        if request.method != "POST":
            title = _("Out of the archive: %(name)s") if rule.archived_at else _("Archive: %(name)s")
            return self._page(request, "archive", {"title": title % {"name": rule}, "rule": rule})
        try:
            if request.POST.get("to") == "lists":
                switching.unarchive(rule.pk, request.user)
                messages.success(request, _("The rule is back in the lists, switched off."))
            else:
                switching.archive(rule.pk, request.user, timezone.now())
                messages.success(request, _("The rule is in the archive."))
        except switching.NotAllowed as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:triggers_triggerrule_changelist")

    # --- Shared -----------------------------------------------------------------------------------------------------
    def _rule(self, request: HttpRequest, pk: int, right: str) -> TriggerRule:
        rule = TriggerRule.objects.filter(pk=pk).first()
        if rule is None:
            raise Http404
        if not getattr(self, f"has_{right}_permission")(request, rule):
            raise PermissionDenied
        return rule

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"{_HERE}{name}.html", whole)


def _people(rule: TriggerRule, people: list[who.Person]) -> list[dict[str, Any]]:
    """Patients with the moments of their messages, by the clock of their branch, and what would become of the first."""
    patients = Patient.objects.select_related("branch").in_bulk([person.patient_id for person in people])
    rows = []
    for person in people:
        if patient := patients.get(person.patient_id):
            zone = ZoneInfo(patient.branch.timezone) if patient.branch else timezone.get_default_timezone()
            steps = [moment.astimezone(zone).replace(tzinfo=None) for moment in person.steps]
            rows.append({"patient": patient, "steps": steps, "outcome": _outcome(person.outcome, rule.purpose),
                         "written": not person.outcome})  # fmt: skip
    return rows


def _outcomes(rule: TriggerRule, found: who.Who) -> list[tuple[str, int]]:
    return [(_outcome(reason, rule.purpose), number) for reason, number in found.by_outcome.items()]


def _outcome(reason: str, purpose: str) -> str:
    if not reason:
        return _("would be written to")
    return str(reasons.REASONS.get(reason) or ledger_reasons.in_words(reason, purpose))


def _reversed(name: str, pk: int) -> str:
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""

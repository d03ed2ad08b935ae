"""Back-tests: asked for, watched, read, taken away as files."""

import datetime as dt
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from patients.access import requires
from patients.models import Branch
from segmentation.views.files import picture_file
from triggers.models import Backtest, TriggerRule
from triggers.reports import backtest as report
from triggers.reports import backtest_words as words
from triggers.selectors import backtests as rows
from triggers.selectors.words import ladder, sentence, type_name
from triggers.services.backtest import asking
from triggers.services.finding import steps_of

YEAR = dt.timedelta(days=364)
ONE_DAY = dt.timedelta(days=1)
_DATE = {"type": "date", "class": "form-control"}
NO_WORKER = dt.timedelta(seconds=60)
State = Backtest.State


class PeriodForm(forms.Form):
    """The days of the past to look at."""

    first_day = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d"))
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d"),
        help_text=gettext_lazy("Yesterday at the latest; two years at most."),
    )  # fmt: skip

    def __init__(self, *args: Any, now: dt.datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("first_day") and found.get("last_day"):
            try:
                asking.checked(found["first_day"], found["last_day"], self.now)
            except asking.NotPossible as problem:
                self.add_error("last_day", str(problem))
        return found


@require_http_methods(["GET", "HEAD", "POST"])
@requires("triggers.view_backtest")
def backtest_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask about a period; what was asked before stands below."""
    rule = get_object_or_404(TriggerRule, pk=pk)
    now = timezone.now()
    may_ask = request.user.has_perm("triggers.add_backtest")
    yesterday = timezone.localdate(now) - ONE_DAY
    given = request.POST if request.method == "POST" else None
    form = PeriodForm(given, now=now, initial={"first_day": yesterday - YEAR, "last_day": yesterday})
    if request.method == "POST":
        if not may_ask:
            return HttpResponse(status=403)
        if form.is_valid():
            days = form.cleaned_data
            try:
                return redirect("backtest", asking.ask(rule, days["first_day"], days["last_day"], request.user, now).pk)
            except asking.NotPossible as problem:
                form.add_error(None, str(problem))
    context: dict[str, Any] = {
        "unfit": asking.unfit(rule), "rule": rule, "form": form, "may_ask": may_ask, "earlier": rows.of_rule(rule),
        "type_name": type_name(rule), "sentence": sentence(rule), "steps": ladder(steps_of(rule)),
    }  # fmt: skip
    return render(request, "triggers/backtest_new.html", context, status=422 if form.errors else 200)


@require_safe
@requires("triggers.view_backtest")
def backtest(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One back-test, with its figures when it is done. `?download=` answers with a file."""
    found = _backtest(pk)
    if found.state != State.DONE:
        return render(request, "triggers/backtest.html", _waiting(found))
    branches = dict(Branch.objects.values_list("pk", "name"))
    pictures = report.pictures(found.result, branches, found.asked.get("purpose") or found.rule.purpose)
    answer = picture_file(request, pictures, found.last_day)
    if answer:
        return answer
    load, channels, ladder_table, anyway, reasons, costs = pictures
    context: dict[str, Any] = {
        "backtest": found,
        "rule": found.rule,
        "headline": words.headline(found),
        "period": words.period(found),
        "adds_up": words.adds_up(found.result),
        "sentence": sentence(found.rule),
        "changed": report.changed_since(found, asking.as_asked(found.rule)),
        "tiles": report.tiles(found.result) if found.result["occasions"] else [],
        "load": load,
        "channels": channels,
        "tables": [ladder_table, anyway, reasons, costs],
        "expected": words.expected(found.result),
        "source": found.result["expected"]["source"],
        "recount": words.recount(found.result, found.asked.get("window_days") or found.rule.window_days),
        "people": rows.people(found) if request.user.has_perm("patients.view_patient") else [],
    }
    return render(request, "triggers/backtest.html", context)


@require_GET
@requires("triggers.view_backtest")
def backtest_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The bar alone, asked for every second while the past is counted; when it is done, the page comes anew."""
    found = _backtest(pk)
    answer = render(request, "triggers/_backtest_progress.html", _waiting(found))
    if found.state not in asking.UNDER_WAY:
        answer["HX-Refresh"] = "true"
    return answer


@require_safe
@requires("triggers.view_backtest")
def backtest_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Messages per day and branch as a file; the other tables have theirs on the page."""
    found = get_object_or_404(Backtest, pk=pk, state=State.DONE)
    branches = dict(Branch.objects.values_list("pk", "name"))
    asked = request.GET.copy()
    asked["download"], asked["format"] = "load", asked.get("format", "csv")
    request.GET = asked  # type: ignore[assignment]
    answer = picture_file(request, [report.load(found.result, branches)], found.last_day)
    assert answer is not None
    return answer


def _backtest(pk: int) -> Backtest:
    return get_object_or_404(Backtest.objects.select_related("rule", "requested_by"), pk=pk)


def _waiting(found: Backtest) -> dict[str, Any]:
    now = timezone.now()
    asking.wake(found, now)
    return {
        "backtest": found,
        "rule": found.rule,
        "period": words.period(found),
        "sentence": sentence(found.rule),
        "headline": _("The past is being counted.") if found.state in asking.UNDER_WAY else "",
        "under_way": found.state in asking.UNDER_WAY,
        "no_worker": found.state == State.WAITING and now - found.created_at > NO_WORKER,
    }

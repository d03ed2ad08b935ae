"""The communication map, the page of a rule, the people it has found."""

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_safe

from campaigns.models import Channel, Purpose
from campaigns.reports import results as result_pictures
from patients import wording
from patients.access import requires
from patients.models import Branch
from segmentation.reports.pictures import Picture
from segmentation.views.files import picture_file
from triggers import rule_types
from triggers.models import Firing, Goal, TriggerRule
from triggers.reports import communication_map, rule_page, rule_words
from triggers.selectors import counts, firings, rule_results, words
from triggers.selectors import rules as rows
from triggers.selectors.firings import PERIODS, FiringFilter, period_of
from triggers.selectors.rule_results import RuleReport
from triggers.selectors.rules import RuleFilter


@require_safe
@requires("triggers.view_triggerrule")
def triggers(request: HttpRequest) -> HttpResponseBase:
    """All rules along the patient's path, and the table behind the picture. `?download=` answers with the table."""
    asked = RuleFilter.parse(request.GET)
    first, today = communication_map.period(timezone.localdate())
    every = list(rows.listed())
    shown = rows.shown(asked)
    volumes = counts.volumes(first)
    path = communication_map.stages(
        shown, {pk: volumes[pk] for pk in volumes if pk in {rule.pk for rule in shown}}, rule_results.reports(shown)
    )
    table = communication_map.table(path)
    answer = picture_file(request, [table], today)
    if answer:
        return answer
    context: dict[str, Any] = {
        "headline": communication_map.headline(every, {rule.pk: volumes[rule.pk] for rule in every
                                                       if rule.pk in volumes}),
        "path": [stage for stage in path if stage.code != "personal"],
        "beside": next(stage for stage in path if stage.code == "personal"),
        "table": table,
        "cards": [card for stage in path for card in stage.cards],
        "any": bool(every) or TriggerRule.objects.exists(),
        "any_on": any(rule.enabled for rule in every),
        "shown": shown,
        "asked": asked,
        "filters": _map_filters(asked),
        "days": communication_map.DAYS,
    }  # fmt: skip
    return render(request, "triggers/map.html", context)


def _map_filters(asked: RuleFilter) -> list[dict[str, Any]]:
    states = [("", pgettext("rules", "all")), (rows.ON, pgettext("rule", "on")),
              (rows.OFF, pgettext("rule", "off")),
              (rows.ARCHIVED, _("archived"))]  # fmt: skip
    return [
        {"name": "state", "label": _("State"), "kind": "select", "value": asked.state, "options": states},
        {
            "name": "stage", "label": _("Where on the path"), "kind": "select", "value": asked.stage,
            "options": [("", _("anywhere")), *rule_types.STAGES.items()],
        },
        {
            "name": "channel", "label": _("Channel"), "kind": "select", "value": asked.channel,
            "options": [("", _("any")), *Channel.choices],
        },
        {
            "name": "purpose", "label": pgettext("message", "Purpose"), "kind": "select", "value": asked.purpose,
            "options": [("", _("any")), *Purpose.choices],
        },
    ]  # fmt: skip


@require_safe
@requires("triggers.view_triggerrule")
def trigger(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One rule: what it is, what it found, what became of its messages, what it brought."""
    rule = _rule(pk)
    today = timezone.localdate()
    period = period_of(request.GET)
    first = today - dt.timedelta(days=PERIODS[period] - 1)
    volume = counts.volumes(first, rules=[pk]).get(pk) or counts.Volume()
    lines = rule_page.step_lines(list(rule.steps.all()), volume)
    days = rule_page.per_day(counts.days(pk, first, today + rule_page.AHEAD), today)
    ladder = rule_page.ladder_table(lines)
    may_see_results = request.user.has_perm("triggers.view_ruleresult")
    report = rule_results.report(rule) if may_see_results else None
    groups = _groups(report) if report else None
    answer = picture_file(request, [days, ladder, *([groups] if groups else [])], today)
    if answer:
        return answer
    kind = rule_types.TYPES.get(rule.rule_type)
    context: dict[str, Any] = {
        "rule": rule,
        "kind": kind,
        "type_name": words.type_name(rule),
        "sentence": words.sentence(rule),
        "needs": kind.needs() if kind else "",
        "headline": rule_page.headline(rule, volume, PERIODS[period], today),
        "facts": _facts(rule),
        "volume": volume,
        "lines": lines,
        "any_retired": any(line.retired for line in lines),
        "parts": rule_page.parts(volume),
        "why_not": rule_page.why_not(volume, rule.purpose),
        "days": days,
        "ladder": ladder,
        "report": report,
        "verdict": rule_words.headline(report) if report else "",
        "sufficient": rule_words.sufficient(report) if report else "",
        "small_sample": rule_words.small_sample(report) if report else "",
        "tiles": result_pictures.tiles(report) if report and report.whole.treated.n else [],
        "groups": groups,
        "period": period,
        "filters": [_period_filter(period)],
        "calls": any(Channel.CALL in step.channels for step in rule.steps.all() if step.retired_at is None),
        "see_people": request.user.has_perms(["triggers.view_firing", "patients.view_patient"]),
    }
    return render(request, "triggers/rule.html", context)


def _groups(report: RuleReport) -> Picture | None:
    """Both groups side by side: a group alone says no more than its tile."""
    if not report.whole.treated.n or not report.whole.holdout.n:
        return None
    return result_pictures.groups(report, with_goal=report.rule.goal in (Goal.SERVICE, Goal.GROUP))


def _rule(pk: int) -> TriggerRule:
    found = TriggerRule.objects.select_related("goal_group", "created_by").prefetch_related(
        "include__segmentation", "exclude__segmentation", "branches", "steps__templates__template"
    )
    return get_object_or_404(found, pk=pk)


def _facts(rule: TriggerRule) -> list[tuple[str, str]]:
    """The settings every type has, in words."""
    include = [f"{segment.segmentation}: {segment}" for segment in rule.include.all()]
    exclude = [f"{segment.segmentation}: {segment}" for segment in rule.exclude.all()]
    branches = [branch.name for branch in rule.branches.all()]
    goal = str(Goal(rule.goal).label)
    if rule.goal == Goal.GROUP and rule.goal_group:
        goal = f"{goal}: {rule.goal_group}"
    lines = [
        (pgettext("message", "Purpose"), str(Purpose(rule.purpose).label)),
        (_("Whom"), ", ".join(include) or _("everybody whom it finds")),
        (_("Never"), ", ".join(exclude)),
        (_("Branches"), ", ".join(branches)),
        (_("Stops early"), _("never: every message is sent"))
        if rule.goal == Goal.NONE
        else (_("Stops when there is"), goal),
        (_("Hold-out"), wording.share(rule.holdout_percent / 100) if rule.holdout_percent else _("none")),
        (_("Not again within"), wording.days(rule.cooldown_days) if rule.cooldown_days else ""),
        (_("New ladders a day at a branch"), _load(rule)),
        (_("Valid"), _valid(rule)),
    ]
    return [(label, text) for label, text in lines if text]


def _load(rule: TriggerRule) -> str:
    limits = []
    if rule.per_day:
        limits.append(_("at most %(n)s") % {"n": wording.number(rule.per_day)})
    if rule.by_capacity:
        limits.append(_("no more than free slots"))
    return ", ".join(limits)


def _valid(rule: TriggerRule) -> str:
    since = _("from %(day)s") % {"day": wording.day(rule.valid_from)} if rule.valid_from else ""
    until = _("until %(day)s") % {"day": wording.day(rule.valid_until)} if rule.valid_until else ""
    return " ".join(filter(None, [since, until]))


def _period_filter(period: str) -> dict[str, Any]:
    periods = [(code, wording.days(number)) for code, number in PERIODS.items()]
    return {"name": "period", "label": _("Within"), "kind": "select", "value": period, "options": periods}


@require_GET
@requires("triggers.view_firing", "patients.view_patient")
def trigger_firings(request: HttpRequest, pk: int) -> HttpResponse:
    """The patients the rule has found, and what became of every message; by state and by reason."""
    rule = get_object_or_404(TriggerRule, pk=pk)
    asked = FiringFilter.parse(request.GET)
    first = timezone.localdate() - dt.timedelta(days=PERIODS[asked.period] - 1)
    since = timezone.make_aware(dt.datetime.combine(first, dt.time()))
    page = firings.page(
        firings.found(rule, asked, since), _id(request.GET.get("after")), _id(request.GET.get("before"))
    )
    volume = counts.volumes(first, rules=[pk]).get(pk) or counts.Volume()
    context: dict[str, Any] = {
        "rule": rule,
        "title": _people_title(asked, rule.purpose),
        "page": page,
        "rows": [_row(firing) for firing in page.rows],
        "one_branch": Branch.objects.count() < 2,
        "filters": _people_filters(asked, volume, rule.purpose),
        "next_url": _address(request, after=page.after) if page.after else "",
        "previous_url": _address(request, before=page.before) if page.before else "",
    }  # fmt: skip
    return render(request, "triggers/people.html", context)


def _row(firing: Firing) -> dict[str, Any]:
    state, _meaning = rule_words.state_of(firing, firing.steps.all())
    return {"firing": firing, "state": state, "steps": _fates(firing)}


def _fates(firing: Firing) -> list[dict[str, Any]]:
    """By the clock of the branch, as the messages go."""
    return [
        {
            "due_at": step.due_at,
            "at": rule_words.moment_at(step.due_at, firing.branch),
            "sent": step.message is not None and step.message.state == "sent",
            "words": rule_words.of_step(step),
            "marks": communication_map.marks([step.message.channel] if step.message and step.message.channel else []),
        }
        for step in firing.steps.all()
    ]


def _people_title(asked: FiringFilter, purpose: str) -> str:
    if asked.reason:
        said = rule_words.reason_words(asked.reason, purpose)
        return said[:1].upper() + said[1:]
    return str(rule_words.FIRINGS[asked.state][0]) if asked.state else _("Whom the rule has found")


def _people_filters(asked: FiringFilter, volume: counts.Volume, purpose: str) -> list[dict[str, Any]]:
    states = [("", _("All states")), *((code, said[0]) for code, said in rule_words.FIRINGS.items()
                                       if volume.firings.get(code) or code == asked.state)]  # fmt: skip
    known = [(line.reason, line.label) for line in rule_page.why_not(volume, purpose)]
    if asked.reason and asked.reason not in dict(known):
        known.append((asked.reason, rule_words.reason_words(asked.reason, purpose)))
    return [
        {"name": "state", "label": _("State"), "kind": "select", "value": asked.state, "options": states},
        {
            "name": "reason", "label": _("Not sent because"), "kind": "select", "value": asked.reason,
            "options": [("", _("any reason, or none")), *known],
        },
        _period_filter(asked.period),
    ]  # fmt: skip


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _address(request: HttpRequest, **changed: Any) -> str:
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"

"""The night on the home page: how fresh the figures are, the button that starts a night, its progress."""

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from clinic_crm import nightly
from patients.access import requires
from segmentation.models import NightlyRun, NightlyStep
from segmentation.selectors import overview

# A night a day: with the hours it may take, figures older than this mean that one did not happen.
LATE = dt.timedelta(hours=36)


@dataclass(frozen=True)
class NightState:
    """What the night panel shows: the last finished night, the one under way, the one that failed after it."""

    last: NightlyRun | None
    under_way: NightlyRun | None
    failed: NightlyRun | None
    done: int
    steps: int
    late: bool
    past: bool  # late on purpose: the visits end with the figures

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.steps)

    @property
    def seconds(self) -> float | None:
        if self.last is None or self.last.started_at is None or self.last.finished_at is None:
            return None
        return (self.last.finished_at - self.last.started_at).total_seconds()


def night_state(now: dt.datetime) -> NightState:
    """The last finished night, the last unfinished ones, the finished steps of the one under way: a query each."""
    state = NightlyRun.State
    last = overview.last_night()
    open_runs = list(NightlyRun.objects.exclude(state=state.DONE).order_by("-as_of")[:5])
    newer = [run for run in open_runs if last is None or run.as_of > last.as_of or run.state != state.FAILED]
    under_way = next((run for run in newer if run.state == state.RUNNING), None) or next(
        (run for run in newer if run.state == state.WAITING), None
    )
    failed = next((run for run in newer if run.state == state.FAILED), None)
    done = NightlyStep.objects.filter(run=under_way, done=True).count() if under_way else 0
    late = _late(last, now)
    past = late and nightly.is_past(timezone.localdate(now))
    return NightState(last, under_way, failed, done, len(nightly.STEPS), late and not past, past)


def _late(last: NightlyRun | None, now: dt.datetime) -> bool:
    """A night counts everything up to the end of its date; the figures age from then on."""
    if last is None:
        return False
    counted_until = timezone.make_aware(dt.datetime.combine(last.as_of + dt.timedelta(days=1), dt.time.min))
    return now - counted_until > LATE


@require_POST
@requires("segmentation.run_night")
def run_night(request: HttpRequest) -> HttpResponseBase:
    """Ask for a night now; asked twice, it is the same night."""
    nightly.request_night(request.user)
    messages.success(
        request, _("The night is queued. Its progress is shown below; the figures change when it is done.")
    )
    return redirect("home")


@require_GET
@requires("segmentation.view_segment")
def night_status(request: HttpRequest) -> HttpResponseBase:
    """The panel alone, asked for every two seconds while a night is under way; when it is done, the page reloads."""
    state = night_state(timezone.now())
    answer = render(request, "home/_night.html", {"night": state, "polled": True})
    if state.under_way is None:
        answer["HX-Refresh"] = "true"
    return answer

"""When to call again: the times a manager chooses with one press, never at night where the patient lives."""

import datetime as dt
import zoneinfo
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import CallTask, Policy
from campaigns.planning.quiet_hours import at_wall_time, next_allowed

# The first calls of a day do not fall on the minute in which the quiet hours end.
AFTER_QUIET = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Preset:
    code: str
    label: str | Promise
    delay: dt.timedelta
    morning: bool  # in the morning of that day instead of at this hour


PRESETS = (
    Preset("2h", _("in 2 hours"), dt.timedelta(hours=2), False),
    Preset("1d", _("tomorrow morning"), dt.timedelta(days=1), True),
    Preset("3d", _("in 3 days"), dt.timedelta(days=3), False),
    Preset("1w", _("in a week"), dt.timedelta(days=7), False),
)
_BY_CODE = {preset.code: preset for preset in PRESETS}


def again_at(code: str, task: CallTask, now: dt.datetime) -> dt.datetime | None:
    """The moment a preset means for this patient; nothing for an unknown code."""
    preset = _BY_CODE.get(code)
    if preset is None:
        return None
    zone = zone_of(task)
    policy = Policy.load()
    wanted = now + preset.delay
    if preset.morning:
        return at_wall_time(wanted.astimezone(zone).date(), policy.quiet_until, zone.key) + AFTER_QUIET
    allowed = next_allowed(wanted, zone.key, policy.quiet_from, policy.quiet_until)
    return allowed if allowed == wanted else allowed + AFTER_QUIET


def choices(task: CallTask, now: dt.datetime) -> list[tuple[Preset, dt.datetime]]:
    """The presets that still make sense for a task, each with its moment."""
    moments = [(preset, again_at(preset.code, task, now)) for preset in PRESETS]
    return [
        (preset, at) for preset, at in moments if at and (task.useful_until is None or at < task.useful_until)
    ]  # fmt: skip


def zone_of(task: CallTask) -> zoneinfo.ZoneInfo:
    """The time zone of the patient's branch."""
    branch = task.branch or task.patient.branch
    return zoneinfo.ZoneInfo(branch.timezone if branch else "Europe/Moscow")

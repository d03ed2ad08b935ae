"""The check of a draft: counted once for what the draft says now, kept, and shown to everybody who opens the page.

A small clinic is counted while the page waits, with a limit of time; a large one, or one that was not done in time, by
a worker, and the page asks again until the outcome is there.
"""

import datetime as dt
import hashlib
import json
import logging
from decimal import Decimal
from typing import Any

from celery import current_app
from django.db import OperationalError, connection, transaction
from django.db.models import F

from campaigns.models import Campaign, CampaignCheck, ChannelAccount, Policy, TemplateText, VariantTemplate
from campaigns.services.deciding import planning
from campaigns.services.deciding.forecast import Check
from segmentation.services.audiences import BrokenAudienceError

log = logging.getLogger(__name__)
TASK = "campaigns.tasks.check_campaign"
# Facts change while a marketer thinks: after so long an outcome is counted anew.
FRESH = dt.timedelta(minutes=30)
# Asked for and nobody answered: the message or its worker is gone.
LOST = dt.timedelta(minutes=5)
SMALL_BASE = 60_000
SECONDS = 1.5
LOOKING_SECONDS = 8.0
State = CampaignCheck.State
_COUNTED = (
    "purpose", "audience", "channels", "starts_at", "useful_until", "per_day", "holdout_percent", "goal_service_id",
    "goal_group_id", "skip_booked", "warm_up", "salt", "standing",
)  # fmt: skip


def fingerprint(campaign: Campaign) -> str:
    """Of everything the outcome depends on, except the facts themselves."""
    templates = list(
        VariantTemplate.objects.filter(variant__campaign=campaign)
        .order_by("variant__letter", "channel")
        .values_list("variant__letter", "variant__weight", "variant__offer", "variant__offer__updated_at", "channel",
                     "template")
    )  # fmt: skip
    used = {row[-1] for row in templates}
    texts = TemplateText.objects.filter(template__in=used, current=True).order_by("pk").values_list("pk", flat=True)
    policy = Policy.load()
    rules = [policy.cap_messages, policy.cap_days, policy.quiet_from, policy.quiet_until]
    accounts = ChannelAccount.objects.order_by("channel").values_list(
        "channel", "active", "per_day", "warm_up_from", "warm_up_start", "warm_up_growth", "price"
    )
    content = [
        [getattr(campaign, name) for name in _COUNTED],
        sorted(campaign.branches.values_list("pk", flat=True)),
        [list(row) for row in templates], list(texts), rules, [list(row) for row in accounts],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def outcome_of(campaign: Campaign, now: dt.datetime) -> CampaignCheck:
    """The check of the draft as it stands; asked for when there is none, it is too old or was lost."""
    mark = fingerprint(campaign)
    check = CampaignCheck.objects.filter(pk=campaign.pk).first()
    if check is not None and check.fingerprint == mark and _still_good(check, now):
        return check
    CampaignCheck.objects.update_or_create(
        campaign=campaign,
        defaults={
            "fingerprint": mark, "state": State.WAITING, "asked_at": now, "started_at": None, "done_at": None,
            "error": "",
        },
    )  # fmt: skip
    if _is_small() and _at_once(campaign.pk, now):
        return CampaignCheck.objects.get(pk=campaign.pk)
    transaction.on_commit(lambda: _send(campaign.pk))
    return CampaignCheck.objects.get(pk=campaign.pk)


def latest(campaign: Campaign, now: dt.datetime) -> CampaignCheck | None:
    """The outcome that holds for the draft as it stands; nothing is asked for."""
    found = CampaignCheck.objects.filter(pk=campaign.pk, state=State.DONE, fingerprint=fingerprint(campaign)).first()
    return found if found and _still_good(found, now) else None


def forget(campaign: Campaign) -> None:
    """Count anew the next time the page is opened."""
    CampaignCheck.objects.filter(pk=campaign.pk).delete()


def run(campaign_id: int, now: dt.datetime, seconds: float | None = None) -> bool:
    """Count now; False when the time was not enough. Run twice, the same is counted twice and stored once."""
    campaign = Campaign.objects.filter(pk=campaign_id, state=Campaign.State.DRAFT).first()
    mine = CampaignCheck.objects.filter(pk=campaign_id)
    if campaign is None or not mine.exclude(state=State.DONE).update(state=State.RUNNING, started_at=now):
        return True
    mark = fingerprint(campaign)
    try:
        found = _counted(campaign, now, seconds)
    except BrokenAudienceError as broken:
        mine.update(state=State.FAILED, done_at=now, error=str(broken)[:200])
        return True
    except OperationalError as error:
        if seconds is not None and getattr(error.__cause__, "sqlstate", "") == "57014":  # query_canceled: too long
            mine.update(state=State.WAITING, started_at=None)
            return False
        _failed(campaign_id, error, now)
        return True
    except Exception as error:
        _failed(campaign_id, error, now)
        return True
    # Edited meanwhile: the page asks again by itself, because the fingerprint no longer fits.
    mine.update(fingerprint=mark, state=State.DONE, done_at=now, outcome=stored(found), error="")
    return True


def _counted(campaign: Campaign, now: dt.datetime, seconds: float | None) -> Check:
    if seconds is None:
        return planning.check(campaign, now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(seconds * 1000))])
        found = planning.check(campaign, now)
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    return found


def _failed(campaign_id: int, error: Exception, now: dt.datetime) -> None:
    # The kind of error only: the database quotes rows in its details.
    log.error("check of campaign %s failed: %s", campaign_id, type(error).__name__)
    CampaignCheck.objects.filter(pk=campaign_id).update(
        state=State.FAILED, done_at=now, error=type(error).__name__, started_at=F("started_at")
    )


def _still_good(check: CampaignCheck, now: dt.datetime) -> bool:
    if check.state == State.DONE:
        return check.done_at is not None and now - check.done_at < FRESH
    if check.state == State.FAILED:
        return True
    return now - (check.started_at or check.asked_at) < LOST


def _at_once(campaign_id: int, now: dt.datetime) -> bool:
    return run(campaign_id, now, SECONDS)


def _is_small() -> bool:
    """By the estimate of the database; a base that was never analysed is small."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'patients_patient'::regclass")
        return float(cursor.fetchone()[0]) <= SMALL_BASE


def _send(campaign_id: int) -> None:
    try:
        current_app.send_task(TASK, [campaign_id], ignore_result=True)
    except Exception as error:  # whatever the broker's client raises: the page asks again
        log.warning("check of campaign %s was not handed over: %s", campaign_id, type(error).__name__)


def stored(found: Check) -> dict[str, Any]:
    """The check as JSON; days as ISO dates, no branch as ""."""
    return {
        "audience": found.audience,
        "planned": found.planned,
        "holdout": found.holdout,
        "by_reason": found.by_reason,
        "by_channel": found.by_channel,
        "by_variant": found.by_variant,
        "by_day": {day.isoformat(): number for day, number in found.by_day.items()},
        "by_branch": {str(branch or ""): number for branch, number in found.by_branch.items()},
        "load": [[day.isoformat(), branch, number] for (day, branch), number in sorted(found.load.items(), key=str)],
        "cost": _money(found.cost),
        "cost_by_channel": {channel: _money(amount) for channel, amount in found.cost_by_channel.items()},
        "room": {
            channel: {day.isoformat(): number for day, number in days.items()} for channel, days in found.room.items()
        },
    }


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def people(campaign: Campaign, reason: str, now: dt.datetime, after: int, limit: int) -> list[int] | None:
    """Patients of a draft behind a number of its check, by id; None when looking takes too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(LOOKING_SECONDS * 1000))])
            found = planning.people_of(campaign, reason, now, after, limit)
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled: the time is over
            raise
        return None

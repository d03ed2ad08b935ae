"""The last two steps of the wizard: what the check found, and the launch."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checks
from campaigns.models import Campaign, CampaignCheck, Policy
from campaigns.reports import summary
from campaigns.reports.forecast import forecast
from campaigns.services.deciding import checking
from campaigns.services.writing import campaign_previews
from patients.models import Branch

TOO_LONG = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Found:
    """A problem with the page on which it is put right."""

    severity: str
    message: str
    where: str
    url: str


def problems(campaign: Campaign, now: dt.datetime) -> list[Found]:
    """What campaigns.checks finds, errors first."""
    return [
        Found(
            problem.severity, problem.message, f"{problem.where}:" if problem.where else "",
            reverse("template", args=[problem.template_id]) if problem.template_id else "",
        )
        for problem in checks.of_campaign(campaign, now)
    ]  # fmt: skip


def branch_names() -> dict[int, str]:
    return {branch.pk: str(branch) for branch in Branch.objects.all()}


def check_context(campaign: Campaign, now: dt.datetime) -> dict[str, Any]:
    check = checking.outcome_of(campaign, now)
    done = check.state == CampaignCheck.State.DONE
    found = problems(campaign, now)
    return {
        "check": check,
        "counting": check.state in (CampaignCheck.State.WAITING, CampaignCheck.State.RUNNING),
        "no_worker": check.state == CampaignCheck.State.WAITING and now - check.asked_at > TOO_LONG,
        "failed": check.state == CampaignCheck.State.FAILED,
        "forecast": forecast(check.outcome, branch_names()) if done else None,
        "problems": found,
        "errors": sum(problem.severity == "error" for problem in found),
        "standing": campaign.standing,
        "wants_holdout": campaign.holdout_percent > 0,
        "useful_until": campaign.useful_until,
    }


def launch_context(campaign: Campaign, now: dt.datetime, user: Any) -> dict[str, Any]:
    found = problems(campaign, now)
    check = checking.latest(campaign, now)
    seen = forecast(check.outcome, branch_names()) if check else None
    policy = Policy.load()
    return {
        "problems": found,
        "errors": [problem for problem in found if problem.severity == "error"],
        "forecast": seen,
        "stale": seen is None,
        "summary": summary.lines(campaign, seen, now),
        "previews": campaign_previews.of_campaign(campaign, now),
        "approval": policy.approval,
        "may_launch": user.has_perm("campaigns.launch_campaign"),
        "starts_at": timezone.localtime(campaign.starts_at) if campaign.starts_at else None,
        "button": _("Send for approval") if policy.approval else _("Launch the campaign"),
    }

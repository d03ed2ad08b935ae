"""The buttons of a campaign. Each is one conditional UPDATE: pressed twice, or by two people at once, it acts once.

A button whose work is done already answers with the campaign as it is; one that does not fit the state, or the person,
raises NotAllowed with a sentence for the reader. The conditions of the states are drawn in models.Campaign.
"""

import datetime
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checks, reasons
from campaigns.models import Campaign, Message, Policy, TemplateText, VariantTemplate, VariantText
from campaigns.services.running import counts, schedule

State = Campaign.State
LAUNCH, APPROVE = "campaigns.launch_campaign", "campaigns.approve_campaign"
LIVING = (State.RUNNING, State.PAUSED)


class NotAllowed(Exception):
    """The state or the person forbids it; the message is for the reader."""


def submit(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """Freeze the texts and ask for approval, or launch at once when the policy asks for none."""
    if not Policy.load().approval:
        return launch(campaign_id, user, now)
    _may(user, LAUNCH)
    with transaction.atomic():
        campaign = _move(campaign_id, (State.DRAFT,), State.WAITING, now, done=(State.WAITING,), submitted_by=user,
                         approved_by=None, error="", check=_ready)  # fmt: skip
    return campaign


def launch(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """Freeze the texts and hand the campaign to a worker."""
    _may(user, LAUNCH)
    if Policy.load().approval:
        raise NotAllowed(_("A second person has to approve a campaign before it is launched."))
    with transaction.atomic():
        return _move(
            campaign_id, (State.DRAFT,), State.PLANNING, now, done=(State.PLANNING, *LIVING, State.FINISHED),
            check=_ready, after=_hand_over, submitted_by=user, launched_at=now, error="",
        )  # fmt: skip


def approve(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """The second person's word: what was submitted is launched as it was submitted."""
    _may(user, APPROVE)
    with transaction.atomic():
        return _move(
            campaign_id, (State.WAITING,), State.PLANNING, now, done=(State.PLANNING, *LIVING, State.FINISHED),
            check=lambda campaign, _now: _approved(campaign, user, now), after=_hand_over,
            approved_by=user, launched_at=now, error="",
        )  # fmt: skip


def reject(campaign_id: int, user: Any, now: datetime.datetime, note: str = "") -> Campaign:
    """Back to the author, with a word why. Whoever submitted it may take it back."""
    if not _is(user, Campaign.objects.filter(pk=campaign_id).values_list("submitted_by", flat=True).first()):
        _may(user, APPROVE)
    with transaction.atomic():
        return _move(
            campaign_id, (State.WAITING,), State.DRAFT, now, done=(State.DRAFT,), after=_thaw, error=note[:1000]
        )


def pause(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """Nothing more is handed over; what waits keeps its time."""
    _may(user, LAUNCH)
    return _move(campaign_id, (State.RUNNING,), State.PAUSED, now, done=(State.PAUSED,))


def resume(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    _may(user, LAUNCH)
    return _move(campaign_id, (State.PAUSED,), State.RUNNING, now, done=(State.RUNNING, State.FINISHED))


def stop(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """For good: what has not been handed over never will be."""
    _may(user, LAUNCH)
    with transaction.atomic():
        campaign = _move(
            campaign_id, (State.WAITING, State.PLANNING, *LIVING), State.STOPPED, now, done=(State.STOPPED,),
            ended_at=now,
        )  # fmt: skip
        waiting = Message.objects.filter(
            campaign=campaign_id, state__in=[Message.State.PLANNED, Message.State.DEFERRED]
        )
        waiting.update(state=Message.State.CANCELLED, reason=reasons.STOPPED)
    counts.refresh(campaign_id, now)
    return campaign


def retry_failed(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """Plan once more what the provider refused or failed to take: certainly nothing of it was sent."""
    return _again(campaign_id, user, now, Message.State.FAILED)


def release_unknown(campaign_id: int, user: Any, now: datetime.datetime) -> Campaign:
    """Send again what may have been sent: only by a person's word."""
    return _again(campaign_id, user, now, Message.State.UNKNOWN)


def freeze(campaign: Campaign) -> None:
    """Keep the current version of every text: what was approved is what is sent, whatever is edited later."""
    VariantText.objects.filter(variant__campaign=campaign).delete()
    used = list(VariantTemplate.objects.filter(variant__campaign=campaign))
    current = TemplateText.objects.filter(template_id__in=[one.template_id for one in used], current=True)
    by_template: dict[int, list[TemplateText]] = {}
    for text in current:
        by_template.setdefault(text.template_id, []).append(text)
    VariantText.objects.bulk_create(
        VariantText(variant_id=one.variant_id, channel=one.channel, language=text.language, text=text)
        for one in used
        for text in by_template.get(one.template_id, [])
    )


def _move(
    campaign_id: int, of: Iterable[str], to: str, now: datetime.datetime, *, done: Iterable[str],
    check: Callable[[Campaign, datetime.datetime], None] | None = None,
    after: Callable[[Campaign], None] | None = None, **fields: Any,
) -> Campaign:  # fmt: skip
    """The conditional UPDATE. `done`: states in which this button's work is done already."""
    with transaction.atomic():
        moved = Campaign.objects.filter(pk=campaign_id, state__in=list(of))
        if moved.update(state=to, updated_at=now, **fields):
            campaign = Campaign.objects.get(pk=campaign_id)
            if check:
                check(campaign, now)  # raises, and the state is as before
            if after:
                after(campaign)
            return campaign
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.state in done:
        return campaign
    raise NotAllowed(_("The campaign is %(state)s: this cannot be done now.") % {"state": campaign.get_state_display()})


def _ready(campaign: Campaign, now: datetime.datetime) -> None:
    """Refuses what may not be sent; then keeps the texts. Raised inside the transaction that changed the state."""
    errors = [str(problem.message) for problem in checks.of_campaign(campaign, now) if problem.is_error]
    if errors:
        raise NotAllowed(_("This has to be put right first: %(what)s") % {"what": " ".join(dict.fromkeys(errors))})
    if not campaign.salt:
        Campaign.objects.filter(pk=campaign.pk, salt="").update(salt=secrets.token_hex(8))
    freeze(campaign)


def _hand_over(campaign: Campaign) -> None:
    schedule.hand_over(campaign.pk)


def _thaw(campaign: Campaign) -> None:
    VariantText.objects.filter(variant__campaign=campaign).delete()


def _approved(campaign: Campaign, user: Any, now: datetime.datetime) -> None:
    """By a second person, and of offers that still hold: days may lie between submitting and approving."""
    if user is None or campaign.submitted_by_id == user.pk:
        raise NotAllowed(_("Whoever submitted a campaign cannot approve it: a second person has to."))
    first = timezone.localdate(max(campaign.starts_at or now, now))
    for variant in campaign.variants.select_related("offer"):
        for problem in checks.of_offer(variant.offer, campaign, first) if variant.offer else ():
            if problem.is_error:
                raise NotAllowed(_("This has to be put right first: %(what)s") % {"what": problem.message})


def _again(campaign_id: int, user: Any, now: datetime.datetime, state: str) -> Campaign:
    _may(user, LAUNCH)
    with transaction.atomic(), connection.cursor() as cursor:
        # Of two who press the second waits here, and looks at the messages only then; so does the end of the campaign.
        Campaign.objects.select_for_update(no_key=True).filter(pk=campaign_id).first()
        # A finished campaign runs again.
        cursor.execute(
            "UPDATE campaigns_campaign SET state = CASE WHEN state = 'finished' AND EXISTS (SELECT FROM "
            "campaigns_message WHERE campaign_id = %(id)s AND state = %(state)s) THEN 'running' ELSE state END "
            "WHERE id = %(id)s AND state IN ('running', 'paused', 'finished')",
            {"id": campaign_id, "state": state},
        )
        if not cursor.rowcount:
            campaign = Campaign.objects.get(pk=campaign_id)
            raise NotAllowed(
                _("The campaign is %(state)s: this cannot be done now.") % {"state": campaign.get_state_display()}
            )
        Message.objects.filter(campaign=campaign_id, state=state).update(
            state=Message.State.PLANNED, reason="", error="", due_at=now, dispatcher=None, claimed_at=None,
            sent_at=None, attempts=0,
        )  # fmt: skip
    counts.refresh(campaign_id, now)
    return Campaign.objects.get(pk=campaign_id)


def _may(user: Any, permission: str) -> None:
    """Commands and tests act without a user; a person needs the right."""
    if user is not None and not user.has_perm(permission):
        raise NotAllowed(_("You may not do this. Ask your administrator."))


def _is(user: Any, user_id: int | None) -> bool:
    return user is not None and user.pk == user_id

"""What the demonstration clinic is in the middle of: a standing campaign, calls to make, a draft ready to launch."""

import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from campaigns.demo import planting
from campaigns.demo.clinic import due_for_correction
from campaigns.demo.history import PARTS, price_of
from campaigns.models import Campaign, Channel, Offer, Template, Variant, VariantTemplate
from campaigns.services.deciding import planning
from campaigns.services.running import counts, lifecycle
from campaigns.services.sending import dispatch
from campaigns.services.writing.starters import STARTERS
from patients.models import Branch, Integration, Service

SOURCE = "demo"
CONCIERGE, CALLS, DRAFT = "demo-concierge", "demo-calls", "demo-draft"
STANDING_FOR = datetime.timedelta(days=100)
DRAFT_BRANCH = "B1"
State = Campaign.State


def stand(as_of: datetime.date, today: datetime.date) -> None:
    """After each night: the standing campaign begins some months before today, and what is due has been sent.

    What the last night plans is left to the dispatch of the running portal.
    """
    campaign = Campaign.objects.filter(salt=CONCIERGE).first()
    if campaign is None:
        if as_of < today - STANDING_FOR or as_of >= today:
            return
        campaign = _begin_concierge(_clock(as_of, datetime.time(23, 59)))
    nobody_writes_at_night = _clock(min(as_of + datetime.timedelta(days=2), today), datetime.time(0))
    channel = Channel.EMAIL
    planting.send(
        campaign, nobody_writes_at_night, price=float(price_of(channel)), parts=PARTS[channel], weary=0.001
    )  # fmt: skip
    counts.refresh(campaign.pk, nobody_writes_at_night)


@transaction.atomic
def _begin_concierge(now: datetime.datetime) -> Campaign:
    """D4: whoever becomes a VIP gets the manager's letter, by itself."""
    campaign = _campaign(
        CONCIERGE, "VIP: персональный менеджер", [{"attribute": "segment", "is": "in", "value": ["value:vip"]}],
        offer=_offer("Персональный менеджер для VIP", now, terms="Запись вне очереди, один номер для любых вопросов.",
                     terms_en="Priority booking, one number for every question."),
        starters={"email": "vip"}, standing=True, holdout_percent=10, skip_booked=False,
    )  # fmt: skip
    _launch(campaign, now)
    return campaign


def prepare(today: datetime.date) -> None:
    """After the last night: calls that wait to be made, and the draft. What is there already stays."""
    if not Campaign.objects.filter(salt=CALLS).exists():
        _ring_up(_clock(today - datetime.timedelta(days=1), datetime.time(12)))
    if not Campaign.objects.filter(salt=DRAFT).exists():
        _draft_correction(today)


def _ring_up(now: datetime.datetime) -> None:
    with transaction.atomic():
        campaign = _campaign(
            CALLS, "Звонок: пора показаться врачу",
            [
                {"attribute": "segment", "is": "in", "value": ["rfm:at_risk", "rfm:cant_lose"]},
                {"attribute": "money", "is": "at_least", "value": 60_000},
                {"attribute": "visit", "is": "last", "ago": {"from": 5, "to": 12, "unit": "months"}},
            ],
            offer=None, starters={"call": "overdue_call"}, per_day=35, holdout_percent=15, window_days=21,
        )  # fmt: skip
        _launch(campaign, now)
    # The calls of yesterday wait in the list; the running portal adds those of today and tomorrow.
    dispatch.run(Channel.CALL, lambda: now)


@transaction.atomic
def _draft_correction(today: datetime.date) -> None:
    source = Integration.objects.get(code=SOURCE)
    services = dict(Service.objects.filter(source=source).values_list("external_id", "pk"))
    offer = _offer(
        "Коррекция перманентного макияжа −10 %", _clock(today, datetime.time(12)), kind=Offer.Kind.PERCENT, value=10,
        terms="Скидка 10 % на коррекцию бровей или губ.", terms_en="10 % off the correction of brows or lips.",
        promo_code="KONTUR10", service_id=services["S19"],
        valid_until=today + datetime.timedelta(days=60),
    )  # fmt: skip
    campaign = _campaign(
        DRAFT, "Коррекция перманентного макияжа", [due_for_correction([services["S17"], services["S18"]])],
        offer=offer, starters={"email": "pmu_mail", "sms": "pmu_sms"}, holdout_percent=20, window_days=30,
        goal_service_id=services["S19"], steps_saved=4,
    )  # fmt: skip
    campaign.branches.set(Branch.objects.filter(source=source, external_id=DRAFT_BRANCH))


def _campaign(
    salt: str, name: str, conditions: list[dict[str, Any]], offer: Offer | None, starters: dict[str, str], **values: Any
) -> Campaign:
    campaign = Campaign.objects.create(
        name=name, salt=salt, audience={"where": {"all": conditions}, "except": None}, channels=list(starters),
        **{"warm_up": False, **values},
    )  # fmt: skip
    variant = Variant.objects.create(campaign=campaign, letter="A", offer=offer)
    for channel, code in starters.items():
        names = next(starter.names.values() for starter in STARTERS if starter.code == code)
        template = Template.objects.filter(name__in=list(names), channel=channel).earliest("pk")
        VariantTemplate.objects.create(variant=variant, channel=channel, template=template)
    return campaign


def _offer(name: str, since: datetime.datetime, **values: Any) -> Offer:
    return Offer.objects.create(name=name, valid_from=timezone.localdate(since), **values)


def _launch(campaign: Campaign, now: datetime.datetime) -> None:
    lifecycle.freeze(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(
        state=State.PLANNING, launched_at=now, created_at=now, updated_at=now, steps_saved=6
    )  # fmt: skip
    planning.plan(campaign.pk, now)
    campaign.refresh_from_db()


def _clock(day: datetime.date, clock: datetime.time) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, clock))

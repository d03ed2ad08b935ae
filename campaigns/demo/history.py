"""The demonstration clinic's year of campaigns: drafted, planned by the real planner, sent, answered, visited."""

import datetime
import logging
from decimal import Decimal

from django.db import connection, transaction
from django.utils import timezone

from campaigns.demo import planting
from campaigns.demo.year import STORIES, Saying, Story
from campaigns.models import (
    Campaign,
    Channel,
    ChannelAccount,
    Message,
    Offer,
    Template,
    Variant,
    VariantTemplate,
)
from campaigns.services.deciding import planning
from campaigns.services.running import counts, lifecycle
from campaigns.services.writing import content
from campaigns.services.writing.starters import STARTERS
from patients.models import Integration, Service

log = logging.getLogger(__name__)
SOURCE = "demo"
PRICES = {Channel.EMAIL: Decimal("0.15"), Channel.SMS: Decimal("4.80"), Channel.CALL: Decimal("70")}
PARTS = {Channel.EMAIL: 1, Channel.SMS: 3, Channel.CALL: 1}
WEARY = {Channel.EMAIL: 0.004, Channel.SMS: 0.003, Channel.CALL: 0.0}
EXTRA = "S11"  # what some take along with the service of the offer
MORNING = datetime.time(10)


@transaction.atomic
def seed(as_of: datetime.date, rng_seed: int = 1) -> int:
    """Campaigns that are not there yet, with their messages, events, visits and payments; how many campaigns.

    `as_of`: the day on which the clinic is seen; nothing has happened on it or later. The same base, day and seed
    give the same rows. Called before the nights of the year, the nights count everything as if it had been lived
    through; afterwards, a full night is needed.
    """
    source = Integration.objects.filter(code=SOURCE).first()
    if source is None:
        return 0
    services = dict(Service.objects.filter(source=source).values_list("external_id", "pk"))
    content.ensure_defaults()
    made = 0
    with connection.cursor() as cursor:
        # What the year before has loaded is known to the planner of the database.
        cursor.execute("ANALYZE patients_patient, patients_visit, patients_consent")
    for number, story in enumerate(STORIES):
        salt = f"demo-{rng_seed}-{story.code}"
        if Campaign.objects.filter(salt=salt).exists():
            continue
        _live(story, number, salt, as_of, source.pk, services)
        made += 1
    return made


def _live(
    story: Story, number: int, salt: str, as_of: datetime.date, source: int, services: dict[str, int]
) -> None:  # fmt: skip
    began = _moment(as_of - datetime.timedelta(days=story.began))
    now = _moment(as_of, datetime.time(0))
    campaign = _draft(story, salt, began, services)
    lifecycle.freeze(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(
        state=Campaign.State.PLANNING, launched_at=began, created_at=began, updated_at=began
    )
    planning.plan(campaign.pk, began)
    channel = Channel(story.channel)
    planting.send(campaign, now, price=float(price_of(channel)), parts=PARTS[channel], weary=WEARY[channel])
    for letter, says in enumerate(story.says):
        planting.plant(
            campaign, as_of, variant=campaign.variants.get(letter="ABCDEFGH"[letter]).pk, lift=says.lift,
            service=services[says.service], extra=services[EXTRA], source=source, discount=says.discount,
            promo=says.promo_code, key=f"C{number:02d}{letter}",
        )  # fmt: skip
    last = Message.objects.filter(campaign=campaign).exclude(sent_at=None).order_by("-sent_at").first()
    counts.refresh(campaign.pk, last.sent_at if last and last.sent_at else began)
    log.info("%s: %s messages", story.code, Message.objects.filter(campaign=campaign).count())


def _draft(story: Story, salt: str, began: datetime.datetime, services: dict[str, int]) -> Campaign:
    where = dict(story.where)
    if "services" in where:
        where["services"] = [services[code] for code in where["services"]]
    campaign = Campaign.objects.create(
        name=story.name, channels=[story.channel], audience={"where": {"all": [where]}, "except": None}, salt=salt,
        holdout_percent=story.holdout, window_days=story.window, per_day=story.per_day, warm_up=False,
        # Seen from then, every visit of the clinic lies ahead and would count as booked.
        skip_booked=False,
        goal_service_id=services[story.goal] if story.goal else None,
    )  # fmt: skip
    for letter, says in zip("ABCDEFGH", story.says, strict=False):
        variant = Variant.objects.create(campaign=campaign, letter=letter, offer=_offer(story, says, began, services))
        VariantTemplate.objects.create(variant=variant, channel=story.channel, template=_template(story, says))
    return campaign


def _offer(story: Story, says: Saying, began: datetime.datetime, services: dict[str, int]) -> Offer:
    day = timezone.localdate(began)
    kind = Offer.Kind.PERCENT if says.discount else Offer.Kind.TERMS
    terms = f"Скидка {says.discount} % по промокоду {says.promo_code}." if says.discount else ""
    return Offer.objects.create(
        name=f"{story.name}{f' −{says.discount} %' if says.discount else ''}"[:200], kind=kind,
        value=says.discount or None, terms=terms, service_id=services[says.service], valid_from=day,
        valid_until=day + datetime.timedelta(days=story.window + 7), promo_code=says.promo_code,
    )  # fmt: skip


def _template(story: Story, says: Saying) -> Template:
    if says.starter:
        names = next(starter.names.values() for starter in STARTERS if starter.code == says.starter)
        return Template.objects.filter(name__in=list(names), channel=story.channel).earliest("pk")
    template, created = Template.objects.get_or_create(name=story.name, channel=story.channel)
    if created:
        content.save_text(template, "ru", "", "", says.text)
    return template


def price_of(channel: Channel) -> Decimal:
    account = ChannelAccount.objects.filter(channel=channel).first()
    return account.price if account and account.price else PRICES[channel]


def _moment(day: datetime.date, clock: datetime.time = MORNING) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, clock))

"""Everything the night stores about campaigns, counted once more in plain Python from the rows themselves."""

import datetime as dt
import random
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Campaign, CampaignResult, Message, MessageEvent, Offer, ReachTotal, Variant
from campaigns.services.crediting import results
from campaigns.services.crediting.results import refresh_as_of, rewind
from patients.models import Patient, Payment, Service, ServiceGroup, Visit, VisitItem
from segmentation.models import Membership, Segment, Segmentation
from segmentation.services.defaults import ensure_defaults
from tests.campaigns.making import _key, make_campaign, make_patients

pytestmark = pytest.mark.django_db
START = dt.date(2026, 3, 2)
STATES = ["planned", "deferred", "sending", "sent", "sent", "sent", "sent", "failed", "unknown", "cancelled", "expired",
          "holdout", "holdout", "suppressed"]  # fmt: skip
DRAWN = {"planned", "deferred", "sending", "sent", "failed", "unknown", "cancelled", "expired"}
REASONS = {"failed": "channel_failed", "unknown": "interrupted", "cancelled": "stopped"}
DAY = dt.timedelta(days=1)


def at(day: dt.date, hour: int = 12) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time(hour)))


class World:
    """Three campaigns over one base: plain, A/B with promo codes and a goal, and one that was stopped."""

    def __init__(self, seed: int, people: int = 70) -> None:
        ensure_defaults()
        self.rng = random.Random(seed)
        self.group = ServiceGroup.objects.create(name="Уход")
        self.services = [Service.objects.create(name=f"Услуга {n}", group=group, **_key())
                         for n, group in enumerate([self.group, None])]  # fmt: skip
        self.people = make_patients(people)
        self.offers = [Offer.objects.create(name=code, promo_code=code) for code in ("SPRING-A", "SPRING-B")]
        self.campaigns = [
            self.campaign(window_days=30, state="finished", goal_service=self.services[1]),
            self.campaign(window_days=14, state="running", variants=2, goal_group=self.group),
            self.campaign(window_days=21, state="stopped", ended_at=at(START + 8 * DAY)),
        ]
        for variant, offer in zip(self.campaigns[1].variants.order_by("letter"), self.offers, strict=True):
            Variant.objects.filter(pk=variant.pk).update(offer=offer)
        for campaign in self.campaigns:
            self.messages(campaign)
        self.facts()
        self.memberships()
        self.events()

    def campaign(self, **fields: Any) -> Campaign:
        return make_campaign(launched_at=at(START, 9), **fields)

    def messages(self, campaign: Campaign) -> None:
        variants = list(campaign.variants.order_by("letter"))
        rows = []
        for patient in self.people:
            state = self.rng.choice(STATES)
            due = at(START + self.rng.randint(0, 20) * DAY, self.rng.choice([0, 9, 23]))
            late = state == "suppressed" and self.rng.random() < 0.5
            reason = REASONS.get(state, "no_consent" if state == "suppressed" else "")
            rows.append(
                Message(
                    dedupe_key=f"c{campaign.pk}:p{patient.pk}", campaign=campaign, patient=patient, channel="email",
                    variant=self.rng.choice(variants) if state in DRAWN or late else None, purpose="marketing",
                    state=state, reason="suppressed_address" if late else reason, planned_at=at(START), due_at=due,
                    claimed_at=due if late or state == "sent" else None, sent_at=due if state == "sent" else None,
                    cost=self.rng.choice([0, 1, 2]) if state == "sent" else 0,
                )
            )  # fmt: skip
        Message.objects.bulk_create(rows)

    def facts(self) -> None:
        for patient in self.people:
            for _ in range(self.rng.randint(0, 3)):
                day = START + self.rng.randint(-5, 50) * DAY
                status = self.rng.choice(["completed", "completed", "completed", "cancelled", "booked"])
                amount = self.rng.randint(1, 90) * 100
                visit = Visit.objects.create(
                    patient=patient, starts_at=at(day), starts_on=day, status=status, amount=amount,
                    promo_code=self.rng.choice(["", "", "spring-a ", "SPRING-B"]),
                    deleted_at=at(day) if self.rng.random() < 0.1 else None, **_key(),
                )  # fmt: skip
                VisitItem.objects.create(visit=visit, service=self.rng.choice(self.services), price=visit.amount)
                kind = self.rng.choice(["single", "single", "refund", "package"])
                paid = day + self.rng.randint(0, 3) * DAY
                Payment.objects.create(
                    patient=patient, paid_at=at(paid), paid_on=paid, amount=visit.amount, kind=kind,
                    deleted_at=at(paid) if self.rng.random() < 0.1 else None, **_key(),
                )  # fmt: skip

    def memberships(self) -> None:
        for code in ("value", "rfm"):
            division = Segmentation.objects.get(code=code)
            segments = list(Segment.objects.filter(segmentation=division))[:3]
            for patient in self.people:
                one, two = self.rng.sample(segments, 2)
                moved = START + self.rng.randint(-1, 1) * DAY
                Membership.objects.create(
                    patient=patient, segmentation=division, segment=one, entered_on=START - 90 * DAY, left_on=moved
                )
                Membership.objects.create(patient=patient, segmentation=division, segment=two, entered_on=moved)

    def events(self) -> None:
        rows = []
        for number, message in enumerate(Message.objects.filter(state="sent")):
            for kind in self.rng.choices(["delivered", "clicked", "clicked", "unsubscribed"], k=3):
                when = message.due_at + self.rng.randint(0, 40) * DAY
                rows.append(
                    MessageEvent(
                        message=message, kind=kind, at=when, event_id=f"t:{number}:{len(rows)}",
                        machine=self.rng.random() < 0.4,
                    )
                )  # fmt: skip
        MessageEvent.objects.bulk_create(rows)


def local(moment: dt.datetime) -> dt.date:
    return timezone.localdate(moment)


def drawn(message: Message) -> bool:
    return message.state in DRAWN or (message.state == "suppressed" and message.claimed_at is not None)


def counted(campaign: Campaign, as_of: dt.date) -> list[Message]:
    rows = [m for m in campaign.messages.select_related("variant") if drawn(m) or m.state == "holdout"]
    if campaign.state == "stopped":
        rows = [m for m in rows if m.due_at <= campaign.ended_at]
    return [m for m in rows if local(m.due_at) < as_of]


def outcome(message: Message, campaign: Campaign, as_of: dt.date) -> dict[str, Any]:
    due = local(message.due_at)
    until = min(due + campaign.window_days * DAY, as_of)
    visits = [
        v for v in Visit.objects.filter(patient=message.patient_id, status="completed", deleted_at=None)
        if due < v.starts_on <= until
    ]  # fmt: skip
    money = sum(
        -p.amount if p.kind == "refund" else p.amount
        for p in Payment.objects.filter(patient=message.patient_id, deleted_at=None)
        if due < p.paid_on <= until
    )
    services = {item.service for visit in visits for item in visit.items.select_related("service")}
    goal = any(
        service.pk == campaign.goal_service_id
        or (campaign.goal_group_id is not None and service.group_id == campaign.goal_group_id)
        for service in services
    )
    return {
        "visits": len(visits), "money": float(money), "goal": goal, "cost": float(message.cost),
        "first": min(((v.starts_on - due).days for v in visits), default=None),
        "complete": due + campaign.window_days * DAY <= as_of, "watched": (until - due).days,
    }  # fmt: skip


def summed(found: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "n": len(found), "came": sum(o["visits"] > 0 for o in found), "visits": sum(o["visits"] for o in found),
        "paid": sum(o["money"] != 0 for o in found), "money": sum(o["money"] for o in found),
        "money2": sum(o["money"] ** 2 for o in found), "cost": sum(o["cost"] for o in found),
        "goal": sum(o["goal"] for o in found),
    }  # fmt: skip


def stored(campaign: Campaign, as_of: dt.date) -> dict[tuple[str, str], dict[str, Any]]:
    rows = CampaignResult.objects.filter(campaign=campaign, as_of=as_of)
    return {(row.group, row.breakdown): row.figures for row in rows}


def same(figures: dict[str, Any], found: list[dict[str, Any]]) -> None:
    assert {name: figures[name] for name in summed([])} == pytest.approx(summed(found))
    assert figures["complete"] == pytest.approx(summed([o for o in found if o["complete"]]))


@pytest.mark.parametrize(("seed", "days"), [(1, 12), (2, 25), (3, 70)])
def test_sums_are_those_of_the_rows(seed: int, days: int) -> None:
    world, as_of = World(seed), START + days * DAY
    refresh_as_of(as_of)
    for campaign in world.campaigns:
        kept = stored(campaign, as_of)
        rows = [(m, outcome(m, campaign, as_of)) for m in counted(campaign, as_of)]
        treated = [(m, o) for m, o in rows if m.state != "holdout"]
        held = [o for m, o in rows if m.state == "holdout"]
        same(kept["treated", ""], [o for _m, o in treated])
        same(kept["holdout", ""], held)
        letters = {m.variant.letter for m, _o in treated if m.variant}
        if len(letters) > 1:
            for letter in letters:
                same(kept[letter, ""], [o for m, o in treated if m.variant and m.variant.letter == letter])
        else:
            assert ("A", "") not in kept
        segments(kept, rows)
        curve(kept["treated", ""], [o for _m, o in treated])
        curve(kept["holdout", ""], held)


def segments(kept: dict[tuple[str, str], dict[str, Any]], rows: list[tuple[Message, dict[str, Any]]]) -> None:
    """By the segment of the day of planning: a membership that ends on the day has ended."""
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for message, found in rows:
        day = local(message.planned_at)
        for held in Membership.objects.filter(patient=message.patient_id).select_related("segment__segmentation"):
            if held.entered_on <= day and (held.left_on is None or held.left_on > day):
                code = f"{held.segment.segmentation.code}:{held.segment.code}"
                parts.setdefault(("holdout" if message.state == "holdout" else "treated", code), []).append(found)
    assert {key for key in kept if key[1]} == set(parts)
    for key, found in parts.items():
        same(kept[key], found)


def curve(figures: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """Kaplan–Meier by hand: of those still watched and not come, who came that day."""
    stay, shares = 1.0, []
    for day in range(1, max((o["watched"] for o in found), default=0) + 1):
        risk = sum(o["watched"] >= day and (o["first"] is None or o["first"] >= day) for o in found)
        came = sum(o["first"] == day for o in found)
        stay *= 1 - came / risk if risk else 1
        shares.append(1 - stay)
        assert figures["watched"][day - 1] == sum(o["watched"] >= day for o in found)
    assert figures["came_by"] == pytest.approx(shares, abs=1e-6)
    if all(o["complete"] for o in found):
        assert figures["came_by"][-1] == pytest.approx(figures["came"] / figures["n"], abs=1e-6)


@pytest.mark.parametrize("seed", [4, 5])
def test_funnel_counts_add_up_and_machines_are_no_people(seed: int) -> None:
    world, as_of = World(seed), START + 30 * DAY
    refresh_as_of(as_of)
    for campaign in world.campaigns:
        funnel = stored(campaign, as_of)["treated", ""]["funnel"]
        rows = list(campaign.messages.all())
        assert funnel["audience"] == len(rows)
        assert funnel["audience"] == funnel["holdout"] + funnel["drawn"] + sum(funnel["excluded"].values())
        assert funnel["drawn"] == sum(funnel["states"].values()) == sum(drawn(m) for m in rows)
        assert funnel["excluded"] == dict(
            Counter(m.reason for m in rows if m.state == "suppressed" and not m.claimed_at)
        )
        assert funnel["cost"] == float(sum(m.cost for m in rows))
        for kind in ("delivered", "clicked", "unsubscribed"):
            people = {
                e.message_id for e in MessageEvent.objects.filter(message__campaign=campaign, kind=kind, machine=False)
                if local(e.at) <= as_of
            }  # fmt: skip
            assert funnel.get(kind, 0) == len(people)


def test_promo_codes_credit_the_last_message_before_the_visit() -> None:
    world, as_of = World(6, people=150), START + 60 * DAY
    campaign = world.campaigns[1]
    refresh_as_of(as_of)
    kept = stored(campaign, as_of)
    codes = {v.letter: v.offer.promo_code for v in campaign.variants.select_related("offer") if v.offer}
    expected: Counter[tuple[str, str]] = Counter()
    for visit in Visit.objects.filter(status="completed", deleted_at=None).exclude(promo_code=""):
        code = visit.promo_code.strip().upper()
        message = campaign.messages.select_related("variant").get(patient=visit.patient_id)
        due = local(message.due_at)
        if not due <= visit.starts_on <= due + campaign.window_days * DAY:
            continue
        if message.state == "holdout":
            expected["holdout", "visits"] += 1
        elif message.state in ("sent", "unknown", "sending") and codes[message.variant.letter] == code:  # type: ignore[union-attr]
            expected[message.variant.letter, "visits"] += 1  # type: ignore[union-attr]
    for group in ("A", "B", "holdout"):
        assert (kept[group, ""]["promo"] or {"visits": 0})["visits"] == expected[group, "visits"]
    assert kept["treated", ""]["promo"]["visits"] == expected["A", "visits"] + expected["B", "visits"] > 0


def test_one_offer_in_two_campaigns_credits_the_later_message() -> None:
    offer = Offer.objects.create(name="Осень", promo_code="AUTUMN")
    patient, stranger = make_patients(2)
    first, second = (make_campaign(offer=offer, state="finished", launched_at=at(START), window_days=30) for _ in "ab")
    for campaign, day in ((first, 0), (second, 7)):
        Message.objects.create(
            dedupe_key=f"c{campaign.pk}", campaign=campaign, variant=campaign.variants.get(), patient=patient,
            channel="email", purpose="marketing", state="sent", planned_at=at(START), due_at=at(START + day * DAY),
            sent_at=at(START + day * DAY), claimed_at=at(START),
        )  # fmt: skip
    for who, day in ((patient, 3), (patient, 10), (stranger, 10)):
        on = START + day * DAY
        Visit.objects.create(
            patient=who, starts_at=at(on), starts_on=on, status="completed", promo_code="autumn", amount=5000, **_key()
        )
    refresh_as_of(START + 50 * DAY)
    credited = [stored(campaign, START + 50 * DAY)["treated", ""]["promo"] for campaign in (first, second)]
    assert credited == [{"visits": 1, "money": 5000.0}, {"visits": 1, "money": 5000.0}]


def test_a_night_repeated_or_rewound_ends_in_the_same_rows() -> None:
    World(7)
    nights = [START + days * DAY for days in (5, 12, 19)]
    for as_of in nights:
        refresh_as_of(as_of)
    before = {(r.campaign_id, r.as_of, r.group, r.breakdown): r.figures for r in CampaignResult.objects.all()}
    reached = list(ReachTotal.objects.values_list("as_of", "reached", "messages"))
    refresh_as_of(nights[2])
    rewind(nights[1])
    assert set(CampaignResult.objects.values_list("as_of", flat=True)) == {nights[0]}
    assert list(ReachTotal.objects.values_list("as_of", flat=True)) == [nights[0]]
    for as_of in nights[1:]:
        refresh_as_of(as_of)
    after = {(r.campaign_id, r.as_of, r.group, r.breakdown): r.figures for r in CampaignResult.objects.all()}
    assert after == before
    assert list(ReachTotal.objects.values_list("as_of", "reached", "messages")) == reached


def test_a_closed_campaign_is_counted_until_late_facts_have_come_and_then_rests() -> None:
    world = World(8)
    campaign = world.campaigns[0]
    ends = max(local(m.due_at) for m in counted(campaign, START + 99 * DAY)) + campaign.window_days * DAY
    refresh_as_of(ends - DAY)
    facts = stored(campaign, ends - DAY)["treated", ""]
    assert (facts["over"], facts["final"], facts["ends"]) == (False, False, ends.isoformat())
    refresh_as_of(ends)
    assert (stored(campaign, ends)["treated", ""]["over"], stored(campaign, ends)["treated", ""]["final"]) == (
        True,
        False,
    )
    last = ends + results.LATE_DAYS * DAY
    refresh_as_of(last)
    assert stored(campaign, last)["treated", ""]["final"]
    refresh_as_of(last + DAY)
    assert not stored(campaign, last + DAY)
    assert stored(world.campaigns[1], last + DAY)  # still running: counted every night


def test_reach_counts_people_once_and_only_what_was_sent_within_30_days() -> None:
    one, two, three = make_patients(3)
    Patient.objects.filter(pk=three.pk).update(deleted_at=at(START))
    sent = [(one, 0), (one, 3), (two, 29), (two, 30), (three, 1)]
    for number, (patient, ago) in enumerate(sent):
        when = at(START - ago * DAY, 23)
        Message.objects.create(
            dedupe_key=f"r{number}", patient=patient, channel="sms", purpose="marketing", state="sent", planned_at=when,
            due_at=when, sent_at=when,
        )  # fmt: skip
    refresh_as_of(START)
    row = ReachTotal.objects.get()
    assert (row.as_of, row.reached, row.messages) == (START, 2, 3)


def test_the_number_of_statements_does_not_grow_with_the_campaigns() -> None:
    world = World(9)
    for campaign in world.campaigns:
        copy = make_campaign(state="running", launched_at=at(START))
        Message.objects.create(
            dedupe_key=f"more{campaign.pk}", campaign=copy, patient=world.people[0], channel="email", state="holdout",
            purpose="marketing", planned_at=at(START), due_at=at(START),
        )  # fmt: skip
    refresh_as_of(START + 9 * DAY)
    with CaptureQueriesContext(connection) as all_of_them:
        refresh_as_of(START + 9 * DAY)
    with CaptureQueriesContext(connection) as one:
        refresh_as_of(START + 9 * DAY, [world.campaigns[0].pk])
    assert len(all_of_them) <= len(one) + 1  # the list of open campaigns

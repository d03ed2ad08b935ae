"""The past of the demonstration clinic's rules: as the rules would have lived it, and with the effects it was given."""

import datetime as dt

import pytest
from django.db.models import Count, F, Q
from django.utils import timezone

from campaigns.demo import clinic
from campaigns.models import CallTask, Message, MessageEvent, Policy
from campaigns.services.sending import accounts
from patients import demo
from patients.models import Integration, Visit
from segmentation.services.defaults import ensure_defaults
from tests.triggers.making import fire
from triggers.demo import history
from triggers.demo.stories import STORIES
from triggers.models import Firing, FiringStep, RuleCount, TriggerRule
from triggers.selectors import rule_results
from triggers.services import looking

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 2)
MIDNIGHT = timezone.make_aware(dt.datetime.combine(TODAY, dt.time()))


def lived() -> list[TriggerRule]:
    """Rules that are on, of a small clinic; its nights have not been lived through."""
    ensure_defaults()
    accounts.ensure()
    Policy.load()
    demo.seed(patients=3000, years=2, seed=7, as_of=TODAY)
    clinic.furnish(Integration.objects.get(code=demo.SOURCE).pk)
    assert history.seed(TODAY) > 1000
    assert not TriggerRule.objects.filter(enabled=True).exists()
    assert history.go_on(TODAY) == len(STORIES)
    assert history.seed(TODAY) == 0 == history.go_on(TODAY)
    return list(TriggerRule.objects.filter(enabled=True))


def test_the_rules_have_lived_brought_what_was_planted_and_go_on() -> None:
    """One clinic for all of it: making it takes the time."""
    rules = lived()
    ladders_are_whole()
    the_planted_is_found(rules)
    assert looking.look_all(MIDNIGHT, deep=True) == 0, "a night of today knows everything that was lived through"
    the_workers_go_on()


def ladders_are_whole() -> None:
    """Nothing old is left for the workers; every ladder is closed when all its steps are decided, and no sooner."""
    steps = FiringStep.objects.all()
    assert not steps.filter(state="waiting", due_at__lt=MIDNIGHT).exists()
    assert not Firing.objects.filter(first_due__gt=MIDNIGHT).exists()
    assert not Firing.objects.filter(first_due__lt=F("rule__enabled_at")).exists()
    undecided = Count("steps", filter=Q(steps__state__in=["waiting", "held"]))
    told = Firing.objects.annotate(undecided=undecided)
    assert not told.filter(state="open", undecided=0).exists()
    assert not told.exclude(state="open").filter(undecided__gt=0).exists()
    assert not steps.filter(firing__state="holdout", message__isnull=False).exists()
    sent = Message.objects.filter(campaign=None, state="sent")
    assert sent.count() > 1000 and not sent.filter(sent_at__gt=MIDNIGHT + dt.timedelta(hours=1)).exists()
    happened = MessageEvent.objects.filter(message__campaign=None).values_list("kind", flat=True)
    assert {"delivered", "clicked", "unsubscribed", "outcome"} <= set(happened)
    assert CallTask.objects.filter(message__campaign=None, done_at__isnull=False).exists()
    assert RuleCount.objects.filter(kind="step", state="sent").exists()


def the_planted_is_found(rules: list[TriggerRule]) -> None:
    """Within three and a half standard errors: one false alarm in two thousand."""
    judged = 0
    for story in STORIES:
        rule = next(one for one in rules if one.starter == story.starter)
        whole = rule_results.report(rule).whole
        if not rule.holdout_percent or min(whole.treated.n, whole.holdout.n) < 30:
            continue
        error = sum(group.share * (1 - group.share) / group.n for group in (whole.treated, whole.holdout)) ** 0.5
        assert whole.difference is not None
        assert abs(whole.difference.value - story.lift) < 3.5 * error, story
        judged += 1
    assert judged >= 3
    assert Visit.objects.filter(external_id__startswith="VR").count() > 50


def the_workers_go_on() -> None:
    """Of the first tick only what falls due today is new; nothing is found or written twice."""
    before, planned = Firing.objects.count(), Message.objects.filter(campaign=None).count()
    noon = MIDNIGHT + dt.timedelta(hours=12)
    fire(noon)
    fresh = Firing.objects.filter(found_at=noon)
    assert fresh.count() == Firing.objects.count() - before > 0
    assert not fresh.filter(first_due__lte=MIDNIGHT).exists()
    written = Message.objects.filter(campaign=None, planned_at=noon)
    assert written.count() == Message.objects.filter(campaign=None).count() - planned > 0
    assert not FiringStep.objects.filter(message__in=written, due_at__lt=MIDNIGHT).exists()

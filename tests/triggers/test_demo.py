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
from triggers.services import results

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 2)
MIDNIGHT = timezone.make_aware(dt.datetime.combine(TODAY, dt.time()))


@pytest.fixture
def lived() -> list[TriggerRule]:
    """Rules that are on, of a small clinic; its nights have not been lived through."""
    ensure_defaults()
    accounts.ensure()
    Policy.load()
    demo.seed(patients=4000, years=2, seed=7, as_of=TODAY)
    clinic.furnish(Integration.objects.get(code=demo.SOURCE).pk)
    assert history.seed(TODAY) > 1000
    assert not TriggerRule.objects.filter(enabled=True).exists()
    assert history.go_on(TODAY) == len(STORIES)
    return list(TriggerRule.objects.filter(enabled=True))


def test_the_past_of_the_rules_and_what_they_truly_brought(lived: list[TriggerRule]) -> None:
    steps = FiringStep.objects.all()
    late = steps.filter(state="waiting", due_at__lt=MIDNIGHT)
    assert not late.exists(), "nothing old is left for the workers"
    assert not Firing.objects.filter(first_due__gt=MIDNIGHT).exists()
    assert not Firing.objects.filter(first_due__lt=F("rule__enabled_at")).exists()
    # Every ladder is closed when all its steps are decided, and no sooner.
    undecided = Count("steps", filter=Q(steps__state__in=["waiting", "held"]))
    told = Firing.objects.annotate(undecided=undecided)
    assert not told.filter(state="open", undecided=0).exists()
    assert not told.exclude(state="open").filter(undecided__gt=0).exists()
    assert not steps.filter(firing__state="holdout", message__isnull=False).exists()
    sent = Message.objects.filter(campaign=None, state="sent")
    assert sent.count() > 1000 and not sent.filter(sent_at__gt=MIDNIGHT + dt.timedelta(hours=1)).exists()
    assert {"delivered", "clicked", "unsubscribed", "outcome"} <= set(
        MessageEvent.objects.filter(message__campaign=None).values_list("kind", flat=True)
    )
    assert CallTask.objects.filter(message__campaign=None, done_at__isnull=False).exists()
    assert RuleCount.objects.filter(rule__in=lived, kind="step", state="sent").exists()

    for story in STORIES:
        rule = next(one for one in lived if one.starter == story.starter)
        report = rule_results.report(rule)
        whole = report.whole
        if not rule.holdout_percent or min(whole.treated.n, whole.holdout.n) < 30:
            continue
        # Three and a half standard errors: one false alarm in two thousand.
        error = sum(group.share * (1 - group.share) / group.n for group in (whole.treated, whole.holdout)) ** 0.5
        assert whole.difference is not None
        assert abs(whole.difference.value - story.lift) < 3.5 * error, story
    assert Visit.objects.filter(external_id__startswith="VR").count() > 50


def test_the_workers_go_on_where_the_past_ends(lived: list[TriggerRule]) -> None:
    """Of the first tick only what falls due today is new; nothing is found or sent twice."""
    before, planned = Firing.objects.count(), Message.objects.filter(campaign=None).count()
    noon = MIDNIGHT + dt.timedelta(hours=12)
    fire(noon)
    fresh = Firing.objects.filter(found_at=noon)
    assert fresh.count() == Firing.objects.count() - before > 0
    assert not fresh.filter(first_due__lte=MIDNIGHT).exists()
    written = Message.objects.filter(campaign=None, planned_at=noon)
    assert written.count() == Message.objects.filter(campaign=None).count() - planned > 0
    assert not FiringStep.objects.filter(message__in=written, due_at__lt=MIDNIGHT).exists()
    assert history.seed(TODAY) == 0 == history.go_on(TODAY)


def test_a_night_of_today_finds_nothing_that_was_lived_through(lived: list[TriggerRule]) -> None:
    from triggers.services import looking

    found = looking.look_all(MIDNIGHT, deep=True)
    assert found == 0, list(Firing.objects.filter(found_at=MIDNIGHT).values_list("rule__starter", "first_due")[:20])
    assert results.refresh_as_of(TODAY) >= len(STORIES)

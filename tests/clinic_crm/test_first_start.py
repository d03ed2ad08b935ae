"""What an empty database becomes at the first start, also when that start is interrupted."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from campaigns.models import CallTask, Campaign, CampaignResult, ChannelAccount, Message, Policy, Template
from clinic_crm.management.commands import first_start
from patients import demo
from patients.models import Patient, Visit
from segmentation.models import NightlyRun, Segmentation

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, int]:
    """How much there is of everything a first start makes."""
    models = (Campaign, CallTask, CampaignResult, Message, NightlyRun, Patient, Segmentation, Template, Visit)
    return {model.__name__: model.objects.count() for model in models}


def test_without_the_demonstration_there_are_rules_accounts_and_texts_only() -> None:
    call_command("first_start", no_demo=True)
    assert Policy.objects.get().clinic_name == ""
    assert set(ChannelAccount.objects.values_list("channel", flat=True)) == {"email", "sms", "call"}
    assert Template.objects.count() >= 8
    assert not Campaign.objects.exists() and not Patient.objects.exists()


def test_an_interrupted_start_goes_on_and_nothing_is_made_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_start, "DEMO_PATIENTS", 400)
    monkeypatch.setattr(first_start, "DEMO_YEARS", 2)
    monkeypatch.setattr(first_start, "HISTORY", timedelta(days=120))

    def dies(*_days: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(first_start.present, "prepare", dies)
        with pytest.raises(KeyboardInterrupt):
            call_command("first_start")
    nights = list(NightlyRun.objects.order_by("as_of").values_list("as_of", flat=True))
    today = timezone.localdate()
    assert nights == [today - timedelta(days=days) for days in (120, 90, 60, 30, 0)]
    assert not User.objects.exists()

    call_command("first_start")
    assert User.objects.filter(username="marketer").exists()
    assert Policy.objects.get().clinic_name
    made = rows()
    states = set(Campaign.objects.values_list("state", flat=True))
    assert {"draft", "running", "finished"} <= states
    standing = Campaign.objects.get(standing=True)
    assert Message.objects.filter(campaign=standing, state="sent").exists()
    assert CampaignResult.objects.filter(campaign=standing, as_of=today).exists()
    draft = Campaign.objects.get(state="draft")
    assert draft.channels == ["email", "sms"] and draft.holdout_percent > 0 and draft.branches.count() == 1
    assert Segmentation.objects.filter(kind="rule").count() == 2

    User.objects.all().delete()
    call_command("first_start")
    assert rows() == made
    assert Patient.objects.filter(source__code=demo.SOURCE).count() == made["Patient"]

"""The rules that come with the installation are fit to be switched on as they are, and stay as people make them."""

import datetime

import pytest
from django.utils import translation

from campaigns import checks, rendering
from campaigns.models import ChannelAccount, Policy, Template, TemplateText
from campaigns.rendering import variables
from campaigns.services.sending import accounts
from patients.models import Service
from tests.campaigns.making import _key
from triggers import rule_types
from triggers.models import TriggerRule
from triggers.services import starters, switching

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
SERVICES = {
    "Профессиональная гигиена полости рта": 180, "Профессиональная гигиена для детей": 180,
    "Контактные линзы, упаковка": None, "Перманентный макияж бровей": 450, "Приём уролога": None,
}  # fmt: skip


def make_services() -> None:
    Service.objects.create(name="Приём гинеколога", sensitive=True, **_key())
    for name, days in SERVICES.items():
        Service.objects.create(name=name, recall_days=days, sensitive="уролог" in name, **_key())


@pytest.fixture
def clinic(db: None) -> None:
    """Services that ready rules are about, channels that can send, the lines the law asks for."""
    make_services()
    accounts.ensure()
    ChannelAccount.objects.exclude(channel="call").update(sender="VESNA <a@vesna.example>")
    Policy.load()
    Policy.objects.update(clinic_name="Клиника «Весна»", clinic_details="Москва. Лицензия Л041")


def test_every_letter_passes_the_checks_without_an_error_or_a_warning(clinic: None) -> None:
    starters.ensure()
    policy = Policy.load()
    texts = list(TemplateText.objects.select_related("template"))
    assert len(texts) > 80
    for text in texts:
        problems = checks.of_text(text, text.template.purpose, text.template.channel, text.language, policy)
        assert not problems, (text.template.name, text.language, problems)


def test_every_sms_fits_into_three_parts_with_the_whole_warning(clinic: None) -> None:
    starters.ensure()
    policy = Policy.load()
    for text in TemplateText.objects.filter(template__channel="sms").select_related("template"):
        values = variables.sample(text.language) | {
            "warning": policy.warning if text.language == "ru" else policy.warning_en,
            "unsubscribe_url": "https://vesna-clinic.example/u/" + "x" * 20,
            "appointment_url": "https://vesna-clinic.example/a/" + "x" * 20,
            "score_url": "https://vesna-clinic.example/s/" + "x" * 20,
        }  # fmt: skip
        assert rendering.render(text, values).parts <= 3, text.template.name


def test_every_ready_rule_can_be_switched_on_as_it_is(clinic: None) -> None:
    for rule in starters.ensure():
        assert switching.problems(rule, NOW) == [], rule.code
        assert not rule.enabled
        assert switching.switch_on(rule.pk, None, NOW).enabled


def test_every_type_has_a_ready_rule_in_both_languages(clinic: None) -> None:
    made = starters.ensure()
    ours = {code for code, kind in rule_types.TYPES.items() if type(kind).__module__.startswith("triggers.")}
    assert {rule.rule_type for rule in made} == ours
    for rule in made:
        assert rule.name and rule.name_en and rule.description and rule.description_en
        with translation.override("en"):
            assert str(rule) == rule.name_en


def test_asking_twice_adds_nothing_and_edits_hold(clinic: None) -> None:
    made = starters.ensure()
    rule = made[0]
    TriggerRule.objects.filter(pk=rule.pk).update(name="Наше напоминание")
    gone = made[1]
    switching.archive(gone.pk, None, NOW)
    templates = Template.objects.count()
    assert starters.ensure() == [] == starters.missing()
    assert TriggerRule.objects.get(pk=rule.pk).name == "Наше напоминание"
    assert TriggerRule.objects.get(pk=gone.pk).archived_at == NOW
    assert Template.objects.count() == templates


def test_in_an_empty_installation_a_rule_waits_for_its_services(db: None) -> None:
    starters.ensure()
    lenses = TriggerRule.objects.get(starter="contact_lenses")
    assert any("линз" in problem for problem in switching.problems(lenses, NOW))
    with pytest.raises(switching.NotAllowed, match="линз"):
        switching.switch_on(lenses.pk, None, NOW)
    make_services()
    starters.ensure()
    lenses.refresh_from_db()
    assert lenses.params["services"] == [Service.objects.get(name__startswith="Контактные").pk]
    assert not any("линз" in problem for problem in switching.problems(lenses, NOW))


def test_services_that_were_chosen_by_hand_stay_chosen(db: None) -> None:
    starters.ensure()
    lenses = TriggerRule.objects.get(starter="contact_lenses")
    own = Service.objects.create(name="Растворы", **_key())
    TriggerRule.objects.filter(pk=lenses.pk).update(params=rule_types.of("recall").clean({"services": [own.pk]}))
    make_services()
    starters.ensure()
    lenses.refresh_from_db()
    assert lenses.params["services"] == [own.pk]


def test_the_lens_ladder_is_that_of_the_seed(clinic: None) -> None:
    """Seven days before a mail, three days before again, then SMS or call (C15)."""
    starters.ensure()
    lenses = TriggerRule.objects.get(starter="contact_lenses")
    steps = [(step.offset, step.unit, step.channels) for step in lenses.steps.order_by("position")]
    assert steps == [(-7, "day", ["email"]), (-3, "day", ["email"]), (0, "day", ["sms", "call"])]
    assert lenses.goal == "service"


def test_codes_are_never_taken_twice(db: None) -> None:
    assert starters.free_code("recall") == "recall"
    for code in ("recall", "recall-2", "recall-4"):
        TriggerRule.objects.create(name=code, code=code, rule_type="recall")
    assert starters.free_code("recall") == "recall-3"

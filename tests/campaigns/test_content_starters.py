"""The texts that come with the installation are fit to be sent as they are."""

import pytest

from campaigns import checks
from campaigns.models import Policy, Template, TemplateText
from campaigns.services.writing import content
from patients.models import Service
from tests.campaigns.making import _key

pytestmark = pytest.mark.django_db


def test_every_starting_text_passes_the_checks_without_an_error_or_a_warning() -> None:
    Service.objects.create(name="Приём гинеколога", sensitive=True, **_key())
    policy = Policy(clinic_name="Весна", clinic_details="Лицензия")
    content.ensure_defaults()
    for text in TemplateText.objects.select_related("template"):
        problems = checks.of_text(text, text.template.purpose, text.template.channel, text.language, policy)
        assert not problems, (text.template.name, text.language, problems)


def test_asking_twice_gives_every_template_once() -> None:
    first = content.ensure_defaults()
    assert len(first) >= 8
    assert content.ensure_defaults(language="en") == []
    assert Template.objects.count() == len(first)
    assert TemplateText.objects.filter(current=True).count() == 2 * len(first)

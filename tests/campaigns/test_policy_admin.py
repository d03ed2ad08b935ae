"""The form of the rules of sending refuses what would wake patients or stop every campaign."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.forms.models import model_to_dict
from django.test import Client

from campaigns.admin.policy import PolicyForm
from campaigns.models import Policy

pytestmark = pytest.mark.django_db


def posted(**fields: Any) -> PolicyForm:
    row = Policy.load()
    return PolicyForm({**model_to_dict(row), **fields}, instance=row)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"quiet_from": "09:00", "quiet_until": "09:00"}, "quiet_until"),
        ({"quiet_from": "08:00", "quiet_until": "21:00"}, "quiet_from"),
        ({"quiet_from": "21:00", "quiet_until": "05:00"}, "quiet_from"),
        ({"cap_messages": "0"}, "cap_messages"),
        ({"cap_days": "9999"}, "cap_days"),
        ({"holdout_percent": "95"}, "holdout_percent"),
        ({"window_days": "0"}, "window_days"),
        ({"quiet_from": "nonsense"}, "quiet_from"),
    ],
)
def test_senseless_rules_are_refused_beside_their_field(fields: dict[str, str], field: str) -> None:
    assert posted(**fields).errors[field]


def test_defaults_are_sensible_and_every_field_is_on_the_page() -> None:
    assert not posted().errors
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    page = admin.get("/admin/campaigns/policy/1/change/").content.decode()
    for field in Policy._meta.fields:
        assert f'name="{field.name}"' in page or not field.editable, field.name

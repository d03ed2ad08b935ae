"""Logging in, changing one's own password, being locked out."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from clinic_crm.roles import sync_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer() -> User:
    sync_roles()
    user = User.objects.create_user("anna", password="first-Password-1")
    user.groups.add(Group.objects.get(name="marketer"))
    return user


def test_too_many_failures_block_the_login_with_a_page_of_ours(marketer: User) -> None:
    client = Client()
    client.cookies["django_language"] = "en"
    for _attempt in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post(reverse("login"), {"username": "anna", "password": "wrong"})
    assert answer.status_code == 429
    assert "Login is blocked for a while" in answer.content.decode()
    assert "anna" not in answer.content.decode()
    right = client.post(reverse("login"), {"username": "anna", "password": "first-Password-1"})
    assert right.status_code == 429


def test_a_reader_changes_their_own_password(marketer: User) -> None:
    client = Client()
    url = reverse("own_password")
    assert client.get(url).status_code == 302
    client.force_login(marketer)
    assert client.get(url).status_code == 200
    short = {"old_password": "first-Password-1", "new_password1": "12", "new_password2": "12"}
    refused = client.post(url, short)
    assert refused.status_code == 200 and "new_password2" in refused.context["form"].errors
    new = {"old_password": "first-Password-1", "new_password1": "second-Pass-2", "new_password2": "second-Pass-2"}
    assert client.post(url, new).status_code == 302
    marketer.refresh_from_db()
    assert marketer.check_password("second-Pass-2")

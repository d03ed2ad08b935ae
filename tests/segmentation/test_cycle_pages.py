"""Pages of return cycles: who may see and change, what differs, taking the learned interval."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from patients.models import Service
from segmentation.selectors import cycle_pages
from tests.triggers.test_learned_intervals import learn
from tests.triggers.test_recall import service


def reader(role: str) -> Client:
    user = User.objects.create_user(role, is_staff=role == "administrator")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def hygiene(db: None) -> Service:
    kind = service("Гигиена", 30)
    learn(kind, 45)
    learn(kind, 50, "female", (30, 44))
    return kind


def test_marketers_see_and_only_those_who_change_services_take(hygiene: Service) -> None:
    marketer, administrator = reader("marketer"), reader("administrator")
    take, data = reverse("cycle_take", args=[hygiene.pk]), {"days": "45"}
    assert Client().get(reverse("cycles")).status_code == 302
    page = marketer.get(reverse("cycle", args=[hygiene.pk]))
    assert page.status_code == 200 and take not in page.content.decode()
    assert marketer.post(take, data).status_code == 403
    assert administrator.get(take).status_code == 405
    assert take in administrator.get(reverse("cycle", args=[hygiene.pk])).content.decode()
    for wrong in ({"days": "44"}, {"days": "x"}, {}):
        administrator.post(take, wrong)
        assert Service.objects.get(pk=hygiene.pk).recall_days == 30
    for _twice in range(2):
        assert administrator.post(take, data).status_code == 302
        assert Service.objects.get(pk=hygiene.pk).recall_days == 45


def test_the_administration_shows_what_was_learned_and_asks_before_it_takes(hygiene: Service) -> None:
    client = reader("administrator")
    page = client.get(reverse("admin:patients_service_change", args=[hygiene.pk])).content.decode()
    assert reverse("cycle", args=[hygiene.pk]) in page
    take = reverse("admin:patients_service_take_learned", args=[hygiene.pk])
    assert client.get(take).status_code == 200
    assert Service.objects.get(pk=hygiene.pk).recall_days == 30
    client.post(take, {"days": "45"})
    assert Service.objects.get(pk=hygiene.pk).recall_days == 45


def test_the_list_begins_with_what_differs_and_says_so(hygiene: Service, django_assert_max_num_queries: Any) -> None:
    agreed, unset, empty = service("Чистка", 46), service("Пилинг", None), service("Без цикла", None)
    for kind in (agreed, unset):
        learn(kind, 45)
    assert [row.service for row in cycle_pages.rows()] == [hygiene, unset, agreed]
    client = reader("owner")
    with override("en"), django_assert_max_num_queries(20):
        page = client.get(reverse("cycles"), headers={"accept-language": "en"}).content.decode()
    assert "Гигиена" in page and empty.name not in page
    file = client.get(reverse("cycles"), {"download": "cycles", "format": "csv"})
    assert len(b"".join(file.streaming_content).decode().splitlines()) == 4  # type: ignore[attr-defined]
    assert client.get(reverse("cycle", args=[empty.pk])).status_code == 200

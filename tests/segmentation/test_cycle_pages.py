"""Pages of return cycles: who may see and change, what differs, taking the learned interval."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from patients.models import Service
from segmentation.models import LearnedCycle
from segmentation.reports import cycles as told
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
    marketer.cookies["django_language"] = "en"
    english = marketer.get(reverse("cycle", args=[hygiene.pk])).content.decode()
    assert "An administrator can take the learned interval over." in english
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


def without_rhythm(name: str, by_hand: int | None, days: int, middle: tuple[int, int], returning: float) -> Service:
    kind = service(name, by_hand)
    learn(kind, days)
    LearnedCycle.objects.filter(service=kind).update(days_from=middle[0], days_to=middle[1], returning=returning)
    return kind


def test_an_interval_set_without_a_rhythm_is_said_to_make_people_due(db: None) -> None:
    without_rhythm("Витамин D", 180, 173, (95, 352), 0.38)
    without_rhythm("Массаж", 14, 83, (40, 161), 0.88)
    without_rhythm("УЗИ", 365, 168, (50, 384), 0.51)
    without_rhythm("Гинеколог", 365, 32, (24, 44), 0.51)
    without_rhythm("Снимок", None, 24, (13, 51), 0.46)
    without_rhythm("Никогда", 0, 90, (80, 100), 0.9)
    learn(service("Гигиена", 46), 45)
    with override("en"):
        rows = cycle_pages.rows()
        assert [row.service.name for row in rows] == [
            "Гинеколог", "Массаж", "Витамин D", "УЗИ", "Гигиена", "Никогда", "Снимок",
        ]  # fmt: skip
        words = {row.service.name: (told.verdict(row), told.advice(row)) for row in rows}
        headline = told.headline(rows)
    assert words["Витамин D"][0] == "set by hand to 180 days, so people count as due, though only 38\u00a0% come again"
    assert "clear it" in words["Витамин D"][1]
    assert words["Массаж"][0] == (
        "set by hand to 14 days, so people count as due, though they come again at no particular time; "
        "most returns are later"
    )
    assert "near 83 days, or clear it" in words["Массаж"][1]
    assert "so people count as due" in words["УЗИ"][0] and "returns" not in words["УЗИ"][0] and not words["УЗИ"][1]
    assert words["Гинеколог"] == (
        "most come sooner than set, by 333 days", "Take the learned interval, unless a doctor asks for the one set."
    )  # fmt: skip
    assert words["Снимок"] == ("only 46\u00a0% come again: the learned interval is not used, nobody becomes due", "")
    assert words["Никогда"] == ("set to 0: the service does not repeat, nobody becomes due", "")
    assert words["Гигиена"] == ("as set", "")
    assert "In 2 of them most of those who come again do so sooner or later than is set." in headline
    assert "For 1 an interval set by hand makes people due, though fewer than half come again." in headline


def test_an_interval_set_without_a_rhythm_can_be_cleared_by_whoever_changes_services(db: None) -> None:
    kind = without_rhythm("Витамин D", 180, 173, (95, 352), 0.38)
    marketer, administrator = reader("marketer"), reader("administrator")
    page, clear = reverse("cycle", args=[kind.pk]), reverse("cycle_clear", args=[kind.pk])
    assert clear not in marketer.get(page).content.decode() and clear in administrator.get(page).content.decode()
    assert marketer.post(clear, {"days": "180"}).status_code == 403
    assert administrator.get(clear).status_code == 405
    for wrong in ({"days": "90"}, {"days": "²"}, {}):
        administrator.post(clear, wrong)
        assert Service.objects.get(pk=kind.pk).recall_days == 180
    for _twice in range(2):
        assert administrator.post(clear, {"days": "180"}).status_code == 302
        assert Service.objects.get(pk=kind.pk).recall_days is None
    assert clear not in administrator.get(page).content.decode()

"""Thresholds are edited through the kind's own fields; nothing is saved before its consequence was shown."""

import datetime as dt
from unittest.mock import patch

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from clinic_crm.nightly import run_night
from clinic_crm.roles import sync_roles
from patients.models import Integration, Patient, Payment, Visit
from segmentation.models import NightlyRun, Segment, Segmentation
from segmentation.services.defaults import ensure_defaults

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 2)


@pytest.fixture
def inside() -> Client:
    sync_roles()
    ensure_defaults()
    user = User.objects.create_user("chief", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def base(inside: Client) -> None:
    """Ten patients who came on two days each, the n-th paid n × 10 000 ₽ in all; one finished night."""
    source = Integration.objects.create(code="mis")
    registered = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for n in range(1, 11):
        patient = Patient.objects.create(source=source, external_id=str(n), registered_at=registered)
        for ago in (200, 40):
            day = TODAY - dt.timedelta(days=ago)
            at = dt.datetime.combine(day, dt.time(9), dt.UTC)
            own = {"source": source, "external_id": f"{n}-{ago}", "patient": patient}
            Visit.objects.create(starts_at=at, starts_on=day, status="completed", **own)
            Payment.objects.create(paid_at=at, paid_on=day, amount=n * 5000, kind="single", **own)
    run_night(TODAY)


def page(code: str) -> str:
    return reverse("admin:segmentation_segmentation_change", args=[Segmentation.objects.get(code=code).pk])


def form_of(client: Client, url: str) -> dict[str, object]:
    """What the browser would post if nothing were touched."""
    form = client.get(url).context["adminform"].form
    return {
        name: ("on" if value is True else "" if value is None else value)
        for name in form.fields
        if (value := form[name].field.prepare_value(form[name].value())) is not False
    }


@pytest.mark.parametrize("code", ["rfm", "value", "satisfaction", "lifecycle"])
def test_every_threshold_has_a_field_with_a_sentence(inside: Client, code: str) -> None:
    form = inside.get(page(code)).context["adminform"].form
    own = {name: field for name, field in form.fields.items() if name.startswith("threshold_")}
    assert set(Segmentation.objects.get(code=code).params) == {name.removeprefix("threshold_") for name in own}
    assert all(field.help_text for field in own.values())


@pytest.mark.parametrize("code", ["rfm", "value", "satisfaction", "lifecycle"])
def test_saving_an_untouched_form_asks_nothing_and_changes_nothing(inside: Client, base: None, code: str) -> None:
    before = Segmentation.objects.get(code=code).params
    assert inside.post(page(code), form_of(inside, page(code))).status_code == 302
    assert Segmentation.objects.get(code=code).params == before


def test_changed_thresholds_show_who_would_move_and_are_saved_only_when_confirmed(inside: Client, base: None) -> None:
    url = page("value")
    posted = form_of(inside, url) | {"threshold_borders": "fixed", "threshold_vip_rub": "1", "threshold_low_rub": "0"}
    shown = inside.post(url, posted)
    assert shown.status_code == 200
    result = shown.context["result"]
    assert result.total == 10 and result.after["vip"] == 10 and 0 < result.moved < 10
    assert f"{result.moved} patients of 10 would change the segment" in shown.content.decode()
    assert Segmentation.objects.get(code="value").params["borders"] == "quantile"

    carried = dict(shown.context["posted"])
    assert inside.post(url, {**carried, "_confirmed": ""}).status_code == 302
    saved = Segmentation.objects.get(code="value")
    assert (saved.params["borders"], saved.params["vip_rub"]) == ("fixed", 1)
    entry = LogEntry.objects.get_for_object(saved).latest("timestamp")
    assert entry.actor.username == "chief" and "params" in entry.changes_dict

    run_night(TODAY + dt.timedelta(days=1))
    vip = Segment.objects.get(segmentation=saved, code="vip")
    assert vip.memberships.filter(left_on=None).count() == result.after["vip"]


def test_a_wrong_threshold_is_named_and_nothing_is_saved(inside: Client, base: None) -> None:
    url = page("rfm")
    answer = inside.post(url, form_of(inside, url) | {"threshold_cycle_borders": "3; 2; 1", "_confirmed": ""})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["threshold_cycle_borders"]
    assert Segmentation.objects.get(code="rfm").params["cycle_borders"] == [1, 1.5, 2, 3]


def test_the_preview_before_the_first_night_says_so(inside: Client) -> None:
    url = page("lifecycle")
    answer = inside.post(url, form_of(inside, url) | {"threshold_grace_days": "20"})
    assert "No night has been finished yet" in answer.content.decode()


def test_a_colour_that_is_none_is_refused(inside: Client) -> None:
    segment = Segment.objects.get(segmentation__code="rfm", code="loyal")
    url = reverse("admin:segmentation_segment_change", args=[segment.pk])
    answer = inside.post(url, form_of(inside, url) | {"colour": "red"})
    assert answer.status_code == 200 and "colour" in answer.context["adminform"].form.errors
    assert inside.post(url, form_of(inside, url) | {"colour": "#123456"}).status_code == 302
    segment.refresh_from_db()
    assert segment.colour == "#123456"


def test_the_button_hands_a_night_to_a_worker(inside: Client, django_capture_on_commit_callbacks) -> None:  # type: ignore[no-untyped-def]
    url = reverse("admin:segmentation_nightlyrun_start")
    assert inside.get(url).status_code == 200
    assert not NightlyRun.objects.exists()
    with patch("clinic_crm.nightly.app.send_task") as sent, django_capture_on_commit_callbacks(execute=True):
        assert inside.post(url, {"full": "on"}).status_code == 302
    night = NightlyRun.objects.get()
    assert night.full and night.state == "waiting" and night.requested_by.username == "chief"
    sent.assert_called_once()


def test_the_button_is_refused_without_the_permission(inside: Client) -> None:
    user = User.objects.create_user("helper", is_staff=True)
    user.groups.add(Group.objects.get(name="manager"))
    client = Client()
    client.force_login(user)
    assert client.post(reverse("admin:segmentation_nightlyrun_start")).status_code == 403
    assert not NightlyRun.objects.exists()

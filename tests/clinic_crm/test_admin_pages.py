"""Every page of the admin: opens for administrators in both languages, is refused to others, holds at any size."""

import datetime
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from clinic_crm.roles import sync_roles
from patients.models import (
    AcquisitionChannel,
    Branch,
    Consent,
    Doctor,
    Feedback,
    IngestBatch,
    Integration,
    Package,
    Patient,
    Payment,
    Rejected,
    Service,
    ServiceGroup,
    Slot,
    Visit,
    VisitItem,
)
from segmentation.models import (
    BaseTotal,
    Membership,
    Metrics,
    NightlyRun,
    NightlyStep,
    Score,
    Segment,
    Segmentation,
    SegmentTotal,
)

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label for model in MODELS]
DAY = datetime.date(2026, 3, 2)
NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)


def fill(start: int, stop: int) -> None:
    """One row of every kind per number, with every foreign key pointing at a row of its own."""
    segmentation = Segmentation.objects.filter(code="rfm").first()
    for n in range(start, stop):
        source = Integration.objects.create(code=f"mis{n}", name=f"МИС {n}", scopes=["ingest"])
        own = {"source": source, "external_id": str(n)}
        branch = Branch.objects.create(name=f"Филиал {n}", **own)
        doctor = Doctor.objects.create(name=f"Врач {n}", branch=branch, **own)
        group = ServiceGroup.objects.create(name=f"Группа {n}")
        service = Service.objects.create(name=f"Услуга {n}", group=group, **own)
        channel = AcquisitionChannel.objects.create(name=f"Канал {n}")
        patient = Patient.objects.create(
            last_name=f"Иванов{n}",
            phone=f"+7916000{n:04}",
            email=f"p{n}@mail.ru",
            branch=branch,
            channel=channel,
            **own,
        )
        visit = Visit.objects.create(
            patient=patient, branch=branch, doctor=doctor, starts_at=NOON, starts_on=DAY, status="completed", **own
        )
        VisitItem.objects.create(visit=visit, service=service)
        Payment.objects.create(patient=patient, visit=visit, paid_at=NOON, paid_on=DAY, amount=10, kind="single", **own)
        Feedback.objects.create(patient=patient, visit=visit, score=9, given_at=NOON, **own)
        Consent.objects.create(patient=patient, channel="email", purpose="marketing", granted=True, at=NOON)
        Package.objects.create(patient=patient, service=service, sessions=5, bought_on=DAY, **own)
        Slot.objects.create(branch=branch, doctor=doctor, day=DAY, free=2, total=9, **own)
        Visit.objects.filter(pk=visit.pk).update(status="cancelled")  # noted as a change
        batch = IngestBatch.objects.create(source=source, resource="visits", origin="api")
        Rejected.objects.create(batch=batch, row=n, payload={}, errors={})
        segment = Segment.objects.create(segmentation=segmentation, code=f"own{n}", name=f"Сегмент {n}")
        Membership.objects.create(patient=patient, segmentation=segmentation, segment=segment, entered_on=DAY)
        Metrics.objects.create(patient=patient, as_of=DAY)
        Score.objects.create(patient=patient)
        SegmentTotal.objects.create(segment=segment, as_of=DAY)
        BaseTotal.objects.create(as_of=DAY - datetime.timedelta(days=n))
        night = NightlyRun.objects.create(as_of=DAY - datetime.timedelta(days=n))
        NightlyStep.objects.create(run=night, name="metrics")
        User.objects.create_user(f"user{n}").groups.add(Group.objects.get(name="marketer"))


@pytest.fixture
def rows() -> None:
    sync_roles()
    Segmentation.objects.get_or_create(code="rfm", defaults={"kind": "rfm", "name": "RFM"})
    fill(0, 2)


@pytest.fixture
def administrator() -> User:
    sync_roles()
    user = User.objects.create_user("chief", password="long-enough-1", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    return user


@pytest.fixture
def inside(administrator: User) -> Iterator[Client]:
    client = Client()
    client.force_login(administrator)
    yield client


def changelist(label: str) -> str:
    return reverse(f"admin:{label.lower().replace('.', '_')}_changelist")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_page_opens_for_an_administrator(inside: Client, rows: None, language: str) -> None:
    inside.cookies["django_language"] = language
    assert inside.get(reverse("admin:index")).status_code == 200
    for model in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        url = reverse(f"{name}_changelist")
        assert inside.get(url, follow=True).status_code == 200, url
        assert inside.get(url, {"q": "Иванов1"}, follow=True).status_code == 200, url
        adding = inside.get(reverse(f"{name}_add")).status_code
        allowed = admin.site._registry[model].has_add_permission(request_of(inside))
        assert adding == (200 if allowed else 403), url
        for row in model._default_manager.all()[:1]:
            assert inside.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, url
            assert inside.get(reverse(f"{name}_history", args=[row.pk])).status_code == 200, url


def request_of(client: Client):  # type: ignore[no-untyped-def]
    return client.get(reverse("admin:index")).wsgi_request


@pytest.mark.parametrize("role", ["", "marketer", "manager", "owner"])
def test_others_are_sent_to_the_login(role: str, rows: None) -> None:
    client = Client()
    if role:
        user = User.objects.create_user(role)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
    for label in LABELS:
        answer = client.get(changelist(label))
        assert answer.status_code == 302, label
        assert "login" in answer["Location"], label


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(inside: Client, rows: None) -> None:
    def queries() -> dict[str, int]:
        counted = {}
        for label in LABELS:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                inside.get(changelist(label))
            counted[label] = len(captured)
        return counted

    queries()  # content types and sessions are cached now
    few = queries()
    fill(2, 12)
    assert queries() == few


def test_a_list_of_facts_never_counts_the_whole_table(inside: Client, rows: None) -> None:
    for label in ("patients.Patient", "patients.Visit", "patients.Payment", "segmentation.Membership"):
        with CaptureQueriesContext(connection) as captured:
            inside.get(changelist(label))
        counts = [query["sql"] for query in captured if "COUNT(" in query["sql"].upper()]
        assert counts, label
        assert all("LIMIT" in sql for sql in counts), counts


def test_patients_are_found_in_the_admin_through_the_trigram_column(inside: Client, rows: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        page = inside.get(changelist("patients.Patient"), {"q": "иванов1"}).content.decode()
    assert "Иванов1" in page and "Иванов0" not in page
    assert not any("UPPER(" in query["sql"] for query in captured)


def test_a_token_is_shown_once_and_kept_as_a_hash(inside: Client, rows: None) -> None:
    integration = Integration.objects.first()
    assert integration is not None
    url = reverse("admin:patients_integration_token", args=[integration.pk])
    assert "issued-token" not in inside.get(url).content.decode()
    first = inside.post(url)
    token = first.context["token"]
    assert token in first.content.decode()
    assert "no-store" in first["Cache-Control"]
    integration.refresh_from_db()
    assert token not in integration.token_hash and len(integration.token_hash) == 64
    assert token not in inside.get(url).content.decode()
    assert inside.post(url).context["token"] != token


def test_a_changed_setting_is_in_the_log_with_its_author(inside: Client, rows: None, administrator: User) -> None:
    from auditlog.models import LogEntry

    group = ServiceGroup.objects.first()
    assert group is not None
    inside.post(reverse("admin:patients_servicegroup_change", args=[group.pk]), {"name": "Косметология"})
    entry = LogEntry.objects.get_for_object(group).latest("timestamp")
    assert entry.actor == administrator
    assert entry.changes_dict["name"][1] == "Косметология"


def test_facts_are_not_in_the_log() -> None:
    from auditlog.registry import auditlog

    logged = {model._meta.label for model in auditlog.get_models()}
    assert {"segmentation.Segmentation", "segmentation.Segment", "patients.Service", "auth.User"} <= logged
    assert not logged & {"patients.Patient", "patients.Visit", "patients.Payment", "segmentation.Membership"}


def test_an_administrator_cannot_make_a_superuser(inside: Client, rows: None) -> None:
    user = User.objects.get(username="user0")
    url = reverse("admin:auth_user_change", args=[user.pk])
    form = {"username": "user0", "is_active": "on", "is_superuser": "on", "groups": [], "date_joined_0": "2026-01-01"}
    inside.post(url, {**form, "date_joined_1": "00:00:00"})
    user.refresh_from_db()
    assert not user.is_superuser
    boss = User.objects.create_superuser("boss", password="long-enough-1")
    inside.post(reverse("admin:auth_user_change", args=[boss.pk]), {"username": "mine"})
    boss.refresh_from_db()
    assert boss.username == "boss" and timezone.is_aware(boss.date_joined)

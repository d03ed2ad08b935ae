"""The card, the list and the search: who is refused, what is shown, in how many queries."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from clinic_crm.nightly import run_night
from clinic_crm.roles import sync_roles
from patients.models import (
    Branch,
    Consent,
    Doctor,
    Feedback,
    Integration,
    Package,
    Patient,
    Payment,
    Service,
    Visit,
    VisitItem,
)
from patients.selectors.timeline import Key, timeline
from segmentation.models import LearnedCycle, Metrics, Score, Segmentation, ServiceRhythm
from segmentation.selectors import explain
from segmentation.services.defaults import ensure_defaults

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 3, 2)


@pytest.fixture
def source() -> Integration:
    sync_roles()
    return Integration.objects.create(code="mis", name="МИС")


def reader(role: str) -> Client:
    user = User.objects.create_user(f"the-{role}")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def patient_with(source: Integration, key: str, visits: int, **fields: object) -> Patient:
    """A patient who came every 60 days, the last time 30 days before TODAY, and paid 5 000 ₽ each time."""
    branch, _made = Branch.objects.get_or_create(
        source=source, external_id="b", defaults={"name": "Новосибирск", "timezone": "Asia/Novosibirsk"}
    )
    doctor, _made = Doctor.objects.get_or_create(source=source, external_id="d", defaults={"name": "Врач"})
    service, _made = Service.objects.get_or_create(
        source=source, external_id="s", defaults={"name": "Чистка", "recall_days": 90, "sensitive": True}
    )
    fields = {"last_name": "Иванов", "phone": "+79161234567", "email": "ivan@mail.ru", **fields}
    registered = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    patient = Patient.objects.create(source=source, external_id=key, registered_at=registered, **fields)
    for n in range(visits):
        day = TODAY - dt.timedelta(days=30 + 60 * n)
        at = dt.datetime.combine(day, dt.time(3), dt.UTC)
        own = {"source": source, "external_id": f"{key}-{n}", "patient": patient}
        visit = Visit.objects.create(
            branch=branch, doctor=doctor, starts_at=at, starts_on=day, status="completed", amount=5000, **own
        )
        VisitItem.objects.create(visit=visit, service=service, price=5000)
        Payment.objects.create(visit=visit, paid_at=at, paid_on=day, amount=5000, kind="single", **own)
        Feedback.objects.create(visit=visit, score=9, given_at=at + dt.timedelta(hours=2), comment="Спасибо", **own)
        Consent.objects.create(
            patient=patient, channel="email", purpose="marketing", granted=n % 2 == 0, at=at,
            until=at + dt.timedelta(days=60) if n else None,
        )  # fmt: skip
    return patient


@pytest.fixture
def counted(source: Integration) -> Patient:
    """One patient of twelve visits among others of one to three, after a night."""
    ensure_defaults()
    patient = patient_with(source, "1", 12)
    for n in range(2, 12):
        patient_with(source, str(n), 1 + n % 3, last_name=f"Другой{n}", phone="")
    run_night(TODAY)
    return patient


def test_strangers_go_to_the_login_and_learn_nothing(source: Integration) -> None:
    patient = patient_with(source, "1", 0)
    for url in (reverse("patients"), reverse("search"), reverse("patient", args=[patient.pk])):
        with CaptureQueriesContext(connection) as captured:
            answer = Client().get(url)
        assert answer.status_code == 302 and answer["Location"].startswith(reverse("login"))
        assert not any("patients_patient" in query["sql"] for query in captured)


def test_a_reader_without_the_permission_is_refused_before_anything_is_read(source: Integration) -> None:
    patient = patient_with(source, "1", 0)
    client = Client()
    client.force_login(User.objects.create_user("nobody"))
    for url in (
        reverse("patients"), reverse("search"), reverse("patient", args=[patient.pk]),
        reverse("patient-timeline", args=[patient.pk]),
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 403
        assert not any("patients_patient" in query["sql"] for query in captured)


def test_contacts_are_masked_for_those_who_may_not_see_them(counted: Patient) -> None:
    url = reverse("patient", args=[counted.pk])
    full = reader("marketer").get(url).content.decode()
    assert "+7 916 123-45-67" in full and "ivan@mail.ru" in full
    owner = reader("owner")
    for page in (owner.get(url), owner.post(reverse("patients"), {"q": "иванов"})):
        text = page.content.decode()
        assert "+7 ••• ••-67" in text
        assert "1234567" not in text and "123-45-67" not in text and "ivan@mail.ru" not in text


def test_the_card_says_who_this_is_and_why(counted: Patient) -> None:
    page = reader("marketer").get(reverse("patient", args=[counted.pk])).content.decode()
    assert "12 visits" in page and "60\u202f000\u00a0₽ paid" in page and "Last visit 30 days ago" in page
    assert "Recency: 5" in page or ">Recency</button>: 5" in page
    assert "of the expected cycle of 90 days" in page
    assert "sensitive" in page
    assert "not recorded" in page and "allowed" in page


def test_a_due_date_is_said_with_its_service_and_muted_where_visits_know_no_rhythm(counted: Patient) -> None:
    client, page = reader("marketer"), reverse("patient", args=[counted.pk])
    assert "Due on " in client.get(page).content.decode()  # a sensitive service is not named in the headline
    Service.objects.update(sensitive=False)
    assert "Due for “Чистка” on " in client.get(page).content.decode()
    late = TODAY - dt.timedelta(days=1)
    ServiceRhythm.objects.update(due_on=late)
    Metrics.objects.update(due_on=late)
    told = client.get(page).content.decode()
    assert "Was due for “Чистка” on " in told and '<span class="is-bad">' in told and "set: 90 days" in told
    LearnedCycle.objects.create(
        service=Service.objects.get(), days=90, days_from=40, days_to=300, error_from=80, error_to=100, returning=0.8,
        uses=100, returns=80, patients=50, fitted_on=TODAY,
    )  # fmt: skip
    told = client.get(page).content.decode()
    assert '<span class="quiet">' in told and "set by hand: 90 days; there is no rhythm in the visits" in told


def test_every_number_of_the_reasons_can_be_recomputed(counted: Patient) -> None:
    metrics, score = Metrics.objects.get(pk=counted.pk), Score.objects.get(pk=counted.pk)
    why = explain.explain(metrics, score, explain.last_night(), list(Segmentation.objects.all()), [])
    assert why.recency and why.frequency and why.money and why.worth and why.stage and why.mood
    assert (why.recency.days, why.recency.cycle_days, why.recency.score) == (30, 90, 5)
    assert why.recency.cycles == pytest.approx(1 / 3)
    assert not why.recency.late and not why.recency.kept
    assert (why.frequency.value, why.money.value) == (12, 60_000)
    assert [step.score for step in why.recency.steps] == [5, 4, 3, 2, 1]
    assert [step.score for step in why.money.steps if step.current] == [score.m]
    product = why.worth.average_bill * why.worth.per_year * why.worth.years
    assert product == pytest.approx(float(score.ltv or 0), abs=0.01)
    assert why.worth.average_bill == 5000
    assert why.stage.due_on == TODAY + dt.timedelta(days=60) and why.stage.missed == 0
    assert not why.stale


def test_changed_thresholds_are_said_to_wait_for_the_night(counted: Patient) -> None:
    rfm = Segmentation.objects.get(code="rfm")
    rfm.params = {**rfm.params, "default_cycle_days": 200}
    rfm.save()
    page = reader("marketer").get(reverse("patient", args=[counted.pk])).content.decode()
    assert "were changed after that night" in page


def test_the_number_of_queries_does_not_depend_on_the_history(counted: Patient, source: Integration) -> None:
    client = reader("marketer")

    def queries(pk: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("patient", args=[pk])).status_code == 200
        return len(captured)

    short = Patient.objects.get(external_id="3")
    queries(short.pk)
    assert queries(short.pk) == queries(counted.pk) <= 26


def test_merged_goes_to_the_kept_card_deleted_and_unknown_are_not_found(source: Integration) -> None:
    client = reader("marketer")
    kept, merged, gone = (patient_with(source, key, 0) for key in "123")
    Patient.objects.filter(pk=merged.pk).update(merged_into=kept)
    Patient.objects.filter(pk=gone.pk).update(deleted_at=dt.datetime.now(dt.UTC))
    assert client.get(reverse("patient", args=[merged.pk]))["Location"] == reverse("patient", args=[kept.pk])
    assert client.get(reverse("patient", args=[gone.pk])).status_code == 404
    assert client.get(reverse("patient", args=[10**9])).status_code == 404


def test_a_new_patient_has_a_card_before_the_first_night(source: Integration) -> None:
    patient = patient_with(source, "1", 0)
    page = reader("marketer").get(reverse("patient", args=[patient.pk])).content.decode()
    assert "the next night counts the visits" in page and "No scores yet" in page and "Nothing has happened yet" in page


def test_the_timeline_shows_everything_once_in_order(source: Integration) -> None:
    patient = patient_with(source, "1", 25)
    seen, key = [], None
    for _page in range(20):
        page = timeline(patient.pk, key, 7)
        seen += [str(entry.key) for entry in page.entries]
        if not page.next_key:
            break
        key = Key.parse(page.next_key)
    assert len(seen) == len(set(seen)) == 100
    times = [int(text.split("-")[0]) for text in seen]
    assert times == sorted(times, reverse=True)


def test_a_visit_shows_the_clock_of_its_branch(source: Integration) -> None:
    patient = patient_with(source, "1", 1)
    visit = next(entry for entry in timeline(patient.pk).entries if entry.kind == "visit")
    assert visit.local.hour == 10  # 03:00 UTC in Novosibirsk


@pytest.mark.parametrize("text", ["x", "1-2", "1-9-1", "-1-0-5", "9" * 40 + "-0-1", "1-0-" + "9" * 40])
def test_a_key_changed_by_hand_starts_from_the_top(source: Integration, text: str) -> None:
    patient = patient_with(source, "1", 1)
    answer = reader("marketer").get(reverse("patient-timeline", args=[patient.pk]), {"after": text})
    assert answer.status_code == 200


def test_search_is_posted_and_its_words_are_in_no_address(counted: Patient) -> None:
    client = reader("marketer")
    page = client.post(reverse("patients"), {"q": "иванов"})
    text = page.content.decode()
    assert "Иванов" in text and "Другой2" not in text
    assert "?q=" not in text and "%D0%B8%D0%B2" not in text
    hits = client.post(reverse("search"), {"q": "иванов"}, headers={"HX-Request": "true"}).content.decode()
    assert reverse("patient", args=[counted.pk]) in hits and "<html" not in hits
    assert client.get(reverse("search"), {"q": "иванов"})["Location"] == reverse("patients")


def test_the_header_finds_segments_and_pages_in_both_languages(counted: Patient) -> None:
    client = reader("marketer")
    hits = client.post(reverse("search"), {"q": "champion"}, headers={"HX-Request": "true"}).content.decode()
    assert reverse("segment", args=["rfm", "champions"]) in hits
    hits = client.post(reverse("search"), {"q": "segments"}, headers={"HX-Request": "true"}).content.decode()
    assert f'href="{reverse("segments")}"' in hits


def test_filters_narrow_the_list_and_the_search(counted: Patient) -> None:
    client = reader("marketer")

    def names(answer: object) -> set[str]:
        return {row.patient.last_name for row in answer.context["rows"]}  # type: ignore[attr-defined]

    tier = counted.memberships.get(segmentation__code="value", left_on=None).segment.code
    others = "one_off" if tier != "one_off" else "vip"
    assert "Иванов" in names(client.get(reverse("patients"), {"value": tier}))
    assert "Иванов" not in names(client.get(reverse("patients"), {"value": others}))
    assert names(client.post(f"{reverse('patients')}?value={tier}", {"q": "иванов"})) == {"Иванов"}
    assert names(client.post(f"{reverse('patients')}?value={others}", {"q": "иванов"})) == set()
    assert client.get(reverse("patients"), {"value": "'; --", "branch": "x", "after": "-1"}).status_code == 200


def test_the_list_is_paged_by_key_there_and_back(source: Integration) -> None:
    Patient.objects.bulk_create(
        Patient(source=source, external_id=f"p{n}", last_name=f"Фамилия{n}") for n in range(120)
    )
    client = reader("marketer")
    first = client.get(reverse("patients"))
    second = client.get(reverse("patients") + first.context["next_url"])
    third = client.get(reverse("patients") + second.context["next_url"])
    shown = [row.patient.pk for page in (first, second, third) for row in page.context["rows"]]
    assert len(shown) == len(set(shown)) == 120 and shown == sorted(shown, reverse=True)
    assert not third.context["next_url"]
    back = client.get(reverse("patients") + third.context["previous_url"])
    assert [row.patient.pk for row in back.context["rows"]] == [row.patient.pk for row in second.context["rows"]]


def test_the_card_says_what_is_left_of_packages_and_until_when(source: Integration) -> None:
    """Of five sessions bought two visits ago two are used; who has no package sees no such card."""
    patient = patient_with(source, "1", 3)
    client = reader("manager")
    assert "sessions left" not in client.get(reverse("patient", args=[patient.pk])).content.decode()
    own = {"source": source, "patient": patient, "service": Service.objects.get()}
    today = timezone.localdate()
    first = VisitItem.objects.order_by("-visit__starts_on")[1].visit.starts_on
    Package.objects.create(
        external_id="k", name="Курс чистки", sessions=5, bought_on=first, expires_on=today + dt.timedelta(days=9), **own
    )
    Package.objects.create(
        external_id="old", sessions=2, bought_on=dt.date(2020, 1, 1), expires_on=dt.date(2020, 3, 1), **own
    )
    Package.objects.create(external_id="gone", sessions=7, bought_on=first, deleted_at=timezone.now(), **own)
    page = client.get(reverse("patient", args=[patient.pk])).content.decode()
    words = " ".join(strip_tags(page).split())
    assert f"Курс чистки sensitive 3 sessions left of 5, of use until {today + dt.timedelta(days=9):%Y-%m-%d}" in words
    assert "2 sessions left of 2, ended on 2020-03-01" in words
    assert "of 7" not in words

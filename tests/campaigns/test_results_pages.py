"""Pages of results: who is refused, what is said in which state, files, both languages, huge numbers."""

import datetime as dt
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from campaigns.models import Campaign, CampaignResult, Message, ReachTotal
from campaigns.reports import result_words as words
from campaigns.selectors import results
from campaigns.services.crediting.results import refresh_as_of
from patients import wording
from segmentation.models import BaseTotal, NightlyRun
from tests.campaigns.making import make_campaign, make_message, make_offer, make_patients
from tests.campaigns.simulated import simulate

pytestmark = pytest.mark.django_db
BEGAN = dt.date(2026, 9, 1)
AFTER = BEGAN + dt.timedelta(days=60)
ALLOWED = ("campaigns.view_campaignresult",)


def reader(*permissions: str, language: str = "en") -> Client:
    user = User.objects.create_user(f"reader{User.objects.count()}")
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = language
    return client


def page(campaign: Campaign, **headers: str) -> str:
    answer = reader(*ALLOWED).get(reverse("campaign_results", args=[campaign.pk]), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_strangers_and_readers_without_the_right_are_refused() -> None:
    campaign = make_campaign()
    for url in (reverse("campaign_results", args=[campaign.pk]), reverse("pooled_results")):
        assert Client().get(url).status_code == 302
        assert reader("campaigns.view_campaign").get(url).status_code == 403
        assert reader(*ALLOWED).post(url).status_code == 405
    assert reader(*ALLOWED).get(reverse("campaign_results", args=[10**9])).status_code == 404


def test_a_real_gain_is_said_to_be_believed() -> None:
    campaign = simulate(treated=3_000, holdout=1_000, share=0.06, lift=0.05, began=BEGAN)
    refresh_as_of(AFTER)
    html = page(campaign)
    found = results.report(campaign).whole
    assert found.difference
    with translation.override("en"):
        assert f"{words.points_between(found.difference)} — this can be believed." in html
        assert wording.share(found.treated.share, 1) in html
    assert 'data-chart="curve-config"' in html and '"kind": "days"' in html


def test_the_fragment_is_the_same_without_the_frame() -> None:
    campaign = simulate(treated=200, holdout=50, share=0.1, began=BEGAN)
    refresh_as_of(AFTER)
    html = page(campaign, HX_Request="true")
    assert "<html" not in html and 'id="results"' in html
    assert f"{reverse('campaign_results', args=[campaign.pk])}?download=curve" in html.replace("&amp;", "&")


@pytest.mark.parametrize(
    ("fields", "as_of", "said"),
    [
        ({"treated": 900, "holdout": 0, "share": 0.1}, AFTER, "There was no hold-out, so nobody can say"),
        ({"treated": 900, "holdout": 100, "share": 0.1}, AFTER, "this may be chance, the interval holds zero."),
        ({"treated": 40, "holdout": 4, "share": 0.1}, AFTER, "too few to tell: 4 in the smaller group"),
        ({"treated": 2_000, "holdout": 1_000, "share": 0.3, "lift": -0.12}, AFTER, "the messages did harm"),
        ({"treated": 900, "holdout": 100, "share": 0.2}, BEGAN + dt.timedelta(9), "It can be judged on Oct. 1, 2026"),
        ({"treated": 900, "holdout": 100, "share": 0.2}, BEGAN, "No window has begun yet"),
    ],
)  # fmt: skip
def test_every_state_in_words(fields: dict[str, float], as_of: dt.date, said: str) -> None:
    campaign = simulate(began=BEGAN, **fields)  # type: ignore[arg-type]
    refresh_as_of(as_of)
    assert said in page(campaign)


def test_before_the_first_night() -> None:
    assert "The campaign has not begun" in page(make_campaign())
    assert "Nothing has been counted yet" in page(make_campaign(state="running", launched_at=timezone.now()))


def test_what_is_missing_is_foreseen_for_a_standing_campaign() -> None:
    """900 patients within the last four weeks: 225 a week."""
    campaign = simulate(treated=810, holdout=90, share=0.1, lift=0.02, began=BEGAN, standing=True, state="running")
    refresh_as_of(BEGAN + dt.timedelta(days=30))
    Message.objects.filter(campaign=campaign).update(due_at=timezone.now())
    report = results.report(campaign)
    report.facts = {**report.facts, "recent": 900}
    assert report.per_week == 225
    with translation.override("en"):
        said = words.sufficient(report)
    assert "Groups of this size show a difference of" in said
    assert report.needed
    if report.needed.weeks:
        assert f"in about {report.needed.weeks} weeks, around" in said


def test_variants_are_compared_with_the_holdout_and_each_other() -> None:
    campaign = simulate(treated=4_000, holdout=1_000, share=0.08, variants=2, lifts=(0.0, 0.08), began=BEGAN)
    refresh_as_of(AFTER)
    report = results.report(campaign)
    assert [part.name for part in report.variants] == ["A", "B"]
    assert report.comparisons == 3
    assert [part.estimate.verdict for part in report.variants] == ["not_shown", "gain"]
    assert report.versus[0].estimate.verdict == "harm"  # A against B
    assert sum(part.estimate.treated.n for part in report.variants) == report.whole.treated.n
    assert "A against B" in page(campaign)


@pytest.mark.parametrize("key", ["curve", "groups", "variants", "funnel", "forest", "months"])
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_figures_can_be_taken_away(key: str, file_format: str) -> None:
    campaign = simulate(treated=300, holdout=100, share=0.1, variants=2, lifts=(0.0, 0.1), began=BEGAN)
    refresh_as_of(AFTER)
    name = "pooled_results" if key in ("forest", "months") else "campaign_results"
    url = reverse(name, args=[campaign.pk] if name == "campaign_results" else [])
    answer = reader(*ALLOWED).get(url, {"download": key, "format": file_format, "period": "all"})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.status_code == 200 and f"{key}-" in answer["Content-Disposition"] and len(body) > 50
    assert reader(*ALLOWED).get(url, {"download": "nothing", "format": "csv"}).status_code == 404


def test_huge_and_odd_numbers_are_written() -> None:
    campaign = simulate(treated=20, holdout=10, share=0.5, began=BEGAN)
    refresh_as_of(AFTER)
    for group in ("treated", "holdout"):
        row = CampaignResult.objects.get(campaign=campaign, group=group, breakdown="")
        row.figures |= {"n": 10**9, "came": 10**8, "paid": 10**8, "money": 1e15, "money2": 1e24, "cost": 1e12}
        row.save()
    for language in ("ru", "en"):
        client = reader(*ALLOWED, language=language)
        assert client.get(reverse("campaign_results", args=[campaign.pk])).status_code == 200
        assert client.get(reverse("pooled_results"), {"period": "all"}).status_code == 200
    row = CampaignResult.objects.get(campaign=campaign, group="holdout", breakdown="")
    row.figures |= {"n": 5, "came": 5, "paid": 0, "money": -3.5, "money2": 0}
    row.save()
    assert page(campaign)


# --- Pooled -----------------------------------------------------------------------------------------------------
def test_pooled_page_sums_campaigns_and_names_those_left_out() -> None:
    simulate(treated=2_000, holdout=500, share=0.06, lift=0.06, began=BEGAN, rng_seed=1)
    simulate(treated=3_000, holdout=600, share=0.2, lift=0.06, began=BEGAN - dt.timedelta(days=40), rng_seed=2)
    simulate(treated=500, holdout=0, share=0.2, began=BEGAN)
    simulate(treated=500, holdout=100, share=0.2, began=AFTER - dt.timedelta(days=3), channels=["sms"])
    refresh_as_of(AFTER)
    html = reader(*ALLOWED).get(reverse("pooled_results"), {"period": "all"}).content.decode()
    assert "2 campaigns: " in html and "this can be believed." in html
    assert "1 campaign had no hold-out and is in no total" in html
    assert "1 campaign is still being counted" in html
    lines = results.lines(results.PoolFilter(period="all"), AFTER)
    whole = results.together(lines)
    assert whole and whole.treated.n == 5_000
    parts = [line.estimate.extra.value for line in lines if line.counts and line.estimate.extra]
    assert whole.extra.value == pytest.approx(sum(parts))


def test_filters_stay_in_the_address_and_hostile_words_mean_nothing() -> None:
    offer = make_offer(promo_code="X1")
    simulate(treated=200, holdout=50, share=0.2, began=BEGAN, offer=offer)
    simulate(treated=200, holdout=50, share=0.2, began=BEGAN, channels=["sms"])
    refresh_as_of(AFTER)
    count = lambda **asked: len(results.lines(results.PoolFilter.parse(asked), AFTER))  # noqa: E731
    assert (count(), count(channel="sms"), count(offer=str(offer.pk)), count(offer="1' OR 1=1")) == (2, 1, 1, 2)
    assert count(period="90") == 2 and len(results.lines(results.PoolFilter("90"), AFTER + dt.timedelta(days=90))) == 0
    client = reader(*ALLOWED)
    for bad in ({"offer": "9" * 30}, {"period": "⑨"}, {"channel": "<b>"}, {"offer": "²"}):
        assert client.get(reverse("pooled_results"), bad).status_code == 200
    html = client.get(reverse("pooled_results"), {"period": "all", "channel": "sms"}).content.decode()
    assert '<option value="sms" selected>' in html


def test_no_campaign_yet() -> None:
    html = reader(*ALLOWED).get(reverse("pooled_results")).content.decode()
    assert "No results in this period" in html


def test_queries_do_not_grow_with_the_campaigns() -> None:
    client = reader(*ALLOWED)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("pooled_results"), {"period": "all"})
        return len(found)

    simulate(treated=20, holdout=5, share=0.2, began=BEGAN)
    refresh_as_of(AFTER)
    few = queries()
    for seed in range(4):
        simulate(treated=20, holdout=5, share=0.2, began=BEGAN, rng_seed=seed)
    refresh_as_of(AFTER)
    assert queries() == few


# --- Home -------------------------------------------------------------------------------------------------------
def test_home_shows_income_against_the_holdout_and_reach() -> None:
    NightlyRun.objects.create(as_of=AFTER, state=NightlyRun.State.DONE)
    BaseTotal.objects.create(as_of=AFTER, patients=10_000, visited=9_000)
    client = reader("segmentation.view_segment", *ALLOWED)
    assert "Income against hold-out" not in client.get(reverse("home")).content.decode()
    simulate(treated=3_000, holdout=1_000, share=0.06, lift=0.05, began=BEGAN)
    refresh_as_of(AFTER)
    ReachTotal.objects.filter(as_of=AFTER).update(reached=4_200, messages=5_000)
    html = client.get(reverse("home")).content.decode()
    whole = results.together(results.lines(results.PoolFilter("90"), AFTER))
    assert whole and whole.money.low > 0
    with translation.override("en"):
        assert words.money_between(whole.money) in html
    assert "42 %" in html.replace("\u00a0", " ").replace("\u202f", " ")
    assert "below the good range" not in html.split("Reach in 30 days")[1][:600]
    assert "Income against hold-out" not in reader("segmentation.view_segment").get(reverse("home")).content.decode()


# --- Patient card -----------------------------------------------------------------------------------------------
CARD = ("patients.view_patient", "campaigns.view_message", *ALLOWED)


def card(patient_id: int, *permissions: str) -> str:
    answer = reader(*(permissions or CARD)).get(reverse("patient-messages", args=[patient_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_messages_are_for_those_who_may_see_them() -> None:
    (patient,) = make_patients(1)
    url = reverse("patient-messages", args=[patient.pk])
    assert Client().get(url).status_code == 302
    assert reader("patients.view_patient").get(url).status_code == 403
    assert reader("campaigns.view_message").get(url).status_code == 403
    assert url not in reader("patients.view_patient").get(reverse("patient", args=[patient.pk])).content.decode()
    assert url in reader(*CARD).get(reverse("patient", args=[patient.pk])).content.decode()


def test_messages_of_a_patient_are_no_alerts_of_the_page() -> None:
    """The frame of a page draws `messages` as alerts; those of the ledger have another name."""
    (patient,) = make_patients(1)
    make_message(patient, campaign=make_campaign(state="running", launched_at=timezone.now()), state="sent")
    html = card(patient.pk)
    assert "Sent by e-mail on" in html and "alert-icon" not in html


def test_every_decision_comes_with_its_reason() -> None:
    (patient,) = make_patients(1)
    now = timezone.now()
    for state, fields, said in (
        ("sent", {}, "Sent by e-mail on"),
        ("holdout", {}, "In the hold-out: chosen by lot"),
        ("suppressed", {"reason": "no_consent"}, "Not sent: has not agreed to advertising."),
        ("deferred", {"reason": "quiet_hours"}, "Night at the patient&#x27;s: waits for the morning."),
        ("unknown", {}, "May have been sent: the process died while sending"),
        ("cancelled", {}, "Not sent: the campaign or the rule was stopped."),
    ):
        campaign = make_campaign(state="running", launched_at=now)
        make_message(patient, campaign=campaign, state=state, at=now, **fields)
        html = card(patient.pk)
        assert said in html and html.count(campaign.name) == 2  # the message, and why


def test_conditions_that_do_not_hold_are_named() -> None:
    (patient,) = make_patients(1)
    tree = {"all": [{"attribute": "visit", "is": "any", "ago": {"from": 0, "to": 6, "unit": "months"}}]}
    make_campaign(state="finished", launched_at=timezone.now(), audience={"where": tree, "except": None}, name="Recall")
    make_campaign(state="running", standing=True, launched_at=timezone.now(), name="Everybody")
    make_campaign(state="finished", launched_at=timezone.now(), audience={"where": {}, "except": {"not": tree}})
    make_campaign(state="finished", launched_at=timezone.now(), audience={"where": {"attribute": "gone"}})
    html = card(patient.pk)
    assert "Not in the audience: as of today these conditions do not hold." in html
    assert "last 6 months" in html and "does not hold" in html
    assert "Fits the audience today: the next night takes the patient in." in html
    assert "Left out: the exception of the audience holds today." in html
    assert "its conditions can no longer be checked" in html


def test_the_guardian_sees_what_is_read_for_the_child() -> None:
    mother, child = make_patients(2)
    child.guardian = mother
    child.save()
    make_message(child, campaign=make_campaign(name="Dentist"), recipient=mother)
    assert "Read for" in card(mother.pk) and "Dentist" in card(mother.pk)
    assert "Read by" in card(child.pk)


def test_a_machine_is_told_from_a_person() -> None:
    (patient,) = make_patients(1)
    message = make_message(patient, campaign=make_campaign())
    message.events.create(kind="clicked", at=timezone.now(), event_id="a", machine=True)
    assert "by a program, not a person" in card(patient.pk)


def test_queries_of_the_card_do_not_grow_with_the_messages() -> None:
    (patient,) = make_patients(1)
    client = reader(*CARD)
    url = reverse("patient-messages", args=[patient.pk])

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get(url)
        return len(found)

    for number in range(2):
        make_message(patient, campaign=make_campaign(state="running", launched_at=timezone.now()), cost=Decimal(number))
    few = queries()
    for _ in range(5):
        message = make_message(patient, campaign=make_campaign(state="running", launched_at=timezone.now()))
        message.events.create(kind="delivered", at=timezone.now(), event_id=f"d{message.pk}")
    assert queries() == few

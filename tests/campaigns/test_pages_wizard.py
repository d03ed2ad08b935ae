"""The wizard: who may, each step with good and bad input, sent twice, left and gone on with."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, CampaignCheck, ChannelAccount, Message
from campaigns.services.deciding import checking
from campaigns.services.running import drafts
from segmentation.models import Segment
from segmentation.services.defaults import ensure_defaults
from tests.campaigns.making import make_campaign, make_offer, make_patients, make_template, make_user, policy

pytestmark = pytest.mark.django_db
WOMEN = {"all": [{"attribute": "sex", "is": "in", "value": ["female"]}]}
EVERY = ("campaigns.view_campaign", "campaigns.add_campaign", "campaigns.change_campaign", "campaigns.launch_campaign")


def client_of(user: Any, *more: str) -> Client:
    for permission in more:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def marketer() -> Client:
    policy(clinic_name="Clinic", clinic_details="Licence 1", approval=False)
    for channel in ("email", "sms", "call"):
        ChannelAccount.objects.create(channel=channel, sender="clinic@example.org", price=1)
    return client_of(make_user("marketer", *EVERY), "patients.view_patient", "segmentation.view_segment")


def audience(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Осень", "purpose": "marketing", "where": json.dumps(WOMEN), "except": "",
        "draft_key": str(uuid.uuid4()), "do": "next", **fields,
    }  # fmt: skip


def draft(marketer: Client) -> Campaign:
    marketer.post("/campaigns/new/", audience())
    return Campaign.objects.get()


def edit(campaign: Campaign, step: str) -> str:
    return f"/campaigns/{campaign.pk}/edit/{step}/"


def through(marketer: Client) -> Campaign:
    """A draft with the first four steps saved."""
    campaign = draft(marketer)
    template = make_template("email")
    marketer.post(edit(campaign, "offer"), {"A-weight": "1", "A-email": template.pk, "do": "next"})
    marketer.post(edit(campaign, "channels"), {"order": ["email"], "channel": ["email"], "do": "next"})
    marketer.post(edit(campaign, "when"), when())
    campaign.refresh_from_db()
    return campaign


def when(**fields: Any) -> dict[str, Any]:
    return {"start": "now", "holdout_percent": "10", "window_days": "30", "skip_booked": "on", "do": "next", **fields}


# --- Who may ------------------------------------------------------------------------------------------------------
def test_strangers_log_in_and_readers_are_refused() -> None:
    campaign = make_campaign()
    assert Client().get("/campaigns/new/").status_code == 302
    reader = client_of(make_user("owner", "campaigns.view_campaign"))
    for path in ("/campaigns/new/", edit(campaign, "audience"), f"/campaigns/{campaign.pk}/check/"):
        assert reader.get(path).status_code == 403
    assert reader.post("/campaigns/new/", audience()).status_code == 403


def test_whoever_may_not_launch_is_told_so_and_refused(marketer: Client) -> None:
    campaign = through(marketer)
    drafts.passed_check(campaign.pk)
    junior = client_of(make_user("junior", *EVERY[:3]), "patients.view_patient")
    page = junior.get(edit(campaign, "launch")).content.decode()
    assert "prepares campaigns" in page and f"/campaigns/{campaign.pk}/do/launch/" not in page
    assert junior.post(f"/campaigns/{campaign.pk}/do/launch/").status_code == 403


# --- Audience -----------------------------------------------------------------------------------------------------
def test_next_makes_one_draft_however_often_it_is_pressed(marketer: Client) -> None:
    posted = audience()
    assert marketer.post("/campaigns/new/", posted).status_code == 302
    marketer.post("/campaigns/new/", posted)
    campaign = Campaign.objects.get()
    assert campaign.audience == {"where": WOMEN, "except": None}
    assert (campaign.state, campaign.steps_saved, campaign.created_by.username) == ("draft", 1, "marketer")
    assert len(campaign.salt) == 32


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "required"),
        ("where", "{", "could not be read"),
        ("where", '{"attribute": "nonsense", "is": "in"}', "Unknown attribute"),
        ("where", "", "at least one condition"),
        ("where", '["x"]', ""),
        ("except", '{"all": 5}', ""),
        ("purpose", "nonsense", "nonsense"),
        ("branches", "999", "999"),
    ],
)
def test_bad_audiences_are_told_beside_the_field(marketer: Client, field: str, value: str, said: str) -> None:
    answer = marketer.post("/campaigns/new/", audience(**{field: value}))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not Campaign.objects.exists()


def test_the_whole_base_has_to_be_said(marketer: Client) -> None:
    marketer.post("/campaigns/new/", audience(where="{}", everybody="on"))
    assert Campaign.objects.get().audience["where"] == {}


def test_segment_brings_its_condition_and_tactic(marketer: Client) -> None:
    ensure_defaults()
    segment = Segment.objects.get(segmentation__code="rfm", code="lost")
    page = marketer.get("/campaigns/new/?segment=rfm:lost&segment=nonsense:x").content.decode()
    assert "rfm:lost" in page and segment.advice.split(".")[0] in page
    assert '"value": 5' in marketer.get("/campaigns/new/?r=5&f=4").content.decode().replace("&quot;", '"')


# --- Offer and variants -------------------------------------------------------------------------------------------
def test_a_variant_needs_a_text(marketer: Client) -> None:
    campaign = draft(marketer)
    answer = marketer.post(edit(campaign, "offer"), {"A-weight": "1", "do": "next"})
    assert "at least one channel" in answer.content.decode()
    answer = marketer.post(edit(campaign, "offer"), {"A-weight": "0", "A-email": "x", "A-offer": "99", "do": "next"})
    assert answer.content.decode().count("field-error") >= 3


def test_variants_are_added_compared_and_taken_out(marketer: Client) -> None:
    campaign = draft(marketer)
    template, offer = make_template("email"), make_offer()
    first = {"A-weight": "1", "A-email": template.pk, "A-offer": offer.pk}
    marketer.post(edit(campaign, "offer"), {**first, "do": "add"})
    assert [variant.offer for variant in campaign.variants.all()] == [offer, offer]
    sms = make_template("sms")
    uneven = {**first, "B-weight": "2", "B-sms": sms.pk, "do": "next"}
    assert "comparison needs both" in marketer.post(edit(campaign, "offer"), uneven).content.decode()
    marketer.post(edit(campaign, "offer"), {**first, "B-weight": "3", "B-email": template.pk, "do": "next"})
    assert list(campaign.variants.values_list("letter", "weight")) == [("A", 1), ("B", 3)]
    marketer.post(edit(campaign, "offer"), {**first, "B-weight": "3", "B-email": template.pk, "do": "remove:A"})
    assert list(campaign.variants.values_list("letter", "weight")) == [("A", 3)]


def test_changing_the_purpose_drops_texts_of_the_other_purpose(marketer: Client) -> None:
    campaign = through(marketer)
    marketer.post(edit(campaign, "audience"), audience(purpose="service"))
    assert not campaign.variants.get().templates.exists()


# --- Channels -----------------------------------------------------------------------------------------------------
def test_channels_keep_the_chosen_order(marketer: Client) -> None:
    campaign = make_campaign(channels=["email", "sms"], created_by=None)
    Campaign.objects.filter(pk=campaign.pk).update(steps_saved=2)
    url = edit(campaign, "channels")
    assert marketer.get(url).status_code == 200
    marketer.post(url, {"order": ["email", "sms", "call"], "channel": ["email", "sms"], "do": "up:sms"})
    campaign.refresh_from_db()
    assert campaign.channels == ["sms", "email"]
    assert "dearer" not in marketer.get(url).content.decode()


@pytest.mark.parametrize("channels", [[], ["call"], ["nonsense"]])
def test_a_channel_without_a_text_is_refused(marketer: Client, channels: list[str]) -> None:
    campaign = make_campaign(channels=["email"])
    Campaign.objects.filter(pk=campaign.pk).update(steps_saved=2)
    answer = marketer.post(edit(campaign, "channels"), {"order": ["email", "call"], "channel": channels, "do": "next"})
    assert answer.status_code == 200 and answer.context["error"]


def test_reach_counts_address_consent_and_suppression(marketer: Client) -> None:
    make_patients(3)
    make_patients(2, consented=("sms",))
    campaign = make_campaign(channels=["email", "sms"])
    Campaign.objects.filter(pk=campaign.pk).update(steps_saved=2)
    rows = {row["code"]: row["reach"] for row in marketer.get(edit(campaign, "channels")).context["rows"]}
    assert rows == {"email": 3, "sms": 5, "call": 3}


# --- When ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"start": "at"}, "starts_at"),
        ({"start": "at", "starts_at": "2020-01-01T10:00"}, "starts_at"),
        ({"start": "at", "starts_at": "nonsense"}, "starts_at"),
        ({"start": "nonsense"}, "start"),
        ({"useful_until": "2020-01-01T10:00"}, "useful_until"),
        ({"start": "standing", "useful_until": "2099-01-01T10:00"}, "useful_until"),
        ({"holdout_percent": "95"}, "holdout_percent"),
        ({"holdout_percent": ""}, "holdout_percent"),
        ({"window_days": "0"}, "window_days"),
        ({"per_day": "0"}, "per_day"),
        ({"per_day": "99999999999"}, "per_day"),
        ({"goal_service": "999"}, "goal_service"),
    ],
)
def test_bad_times_are_told_beside_the_field(marketer: Client, fields: dict[str, str], field: str) -> None:
    campaign = through(marketer)
    answer = marketer.post(edit(campaign, "when"), when(**fields))
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]


def test_times_are_saved(marketer: Client) -> None:
    campaign = through(marketer)
    marketer.post(
        edit(campaign, "when"),
        when(start="at", starts_at="2099-05-01T10:00", useful_until="2099-06-01T10:00", per_day="200"),
    )
    campaign.refresh_from_db()
    assert (campaign.starts_at.isoformat(), campaign.per_day, campaign.warm_up) == (
        "2099-05-01T07:00:00+00:00", 200, False,
    )  # fmt: skip
    assert "2099-05-01T10:00" in marketer.get(edit(campaign, "when")).content.decode()


@pytest.mark.parametrize(("percent", "said"), [("20", "can prove"), ("0", "nothing can be proven"), ("x", "possible")])
def test_power_of_a_hold_out_is_said(marketer: Client, percent: str, said: str) -> None:
    make_patients(40)
    campaign = through(marketer)
    page = marketer.get(f"/campaigns/{campaign.pk}/power/?holdout_percent={percent}")
    assert said in page.content.decode()


# --- Check and launch ---------------------------------------------------------------------------------------------
def test_check_adds_up_and_is_kept(marketer: Client) -> None:
    make_patients(8)
    make_patients(2, consented=())
    campaign = through(marketer)
    found = marketer.get(edit(campaign, "check")).context["forecast"]
    assert found.audience == 10 == found.planned + found.holdout + found.left_out
    assert [(line.code, line.patients) for line in found.exclusions] == [("no_consent", 2)]
    stored = CampaignCheck.objects.get()
    make_patients(5)
    assert marketer.get(edit(campaign, "check")).context["forecast"].audience == 10
    assert CampaignCheck.objects.get().done_at == stored.done_at
    marketer.post(edit(campaign, "check"), {"do": "again"})
    assert marketer.get(edit(campaign, "check")).context["forecast"].audience == 15


def test_check_is_counted_anew_after_an_edit(marketer: Client) -> None:
    make_patients(4)
    campaign = through(marketer)
    marketer.get(edit(campaign, "check"))
    marketer.post(edit(campaign, "when"), when(holdout_percent="0"))
    found = marketer.get(edit(campaign, "check")).context["forecast"]
    assert (found.planned, found.holdout) == (4, 0)


def test_people_behind_a_number_of_the_check(marketer: Client) -> None:
    silent = make_patients(2, consented=(), last_name="Молчалина")
    campaign = through(marketer)
    page = marketer.get(f"/campaigns/{campaign.pk}/people/?reason=no_consent")
    assert page.content.decode().count("Молчалина") == len(silent)
    assert marketer.get(f"/campaigns/{campaign.pk}/people/?reason=nonsense").status_code == 200


def test_large_base_is_counted_by_a_worker(marketer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_patients(3)
    campaign = through(marketer)
    monkeypatch.setattr(checking, "SMALL_BASE", -2)
    page = marketer.get(edit(campaign, "check"))
    assert page.context["counting"] and 'hx-trigger="every 1500ms"' in page.content.decode()
    assert checking.run(campaign.pk, timezone.now())
    fragment = marketer.get(f"/campaigns/{campaign.pk}/check/")
    assert fragment.context["forecast"].audience == 3


def test_a_broken_audience_is_told_not_counted(marketer: Client) -> None:
    campaign = through(marketer)
    Campaign.objects.filter(pk=campaign.pk).update(
        audience={"where": {"attribute": "gone", "is": "in"}, "except": None}
    )
    page = marketer.get(edit(campaign, "check"))
    assert page.status_code == 200 and page.context["failed"]
    assert marketer.get(f"/campaigns/{campaign.pk}/").status_code == 200


def test_steps_come_in_order_and_the_draft_can_be_left(marketer: Client) -> None:
    campaign = draft(marketer)
    assert marketer.get(edit(campaign, "launch")).url == edit(campaign, "offer")
    assert marketer.get(edit(campaign, "nonsense")).status_code == 404
    template = make_template("email")
    answer = marketer.post(edit(campaign, "offer"), {"A-weight": "1", "A-email": template.pk, "do": "close"})
    assert answer.url == f"/campaigns/{campaign.pk}/"
    assert edit(campaign, "channels") in marketer.get(answer.url).content.decode()


def test_launch_pressed_twice_plans_once(marketer: Client) -> None:
    make_patients(3)
    campaign = through(marketer)
    marketer.post(edit(campaign, "check"), {"do": "next"})
    assert marketer.get(edit(campaign, "launch")).status_code == 200
    for _press in range(2):
        assert marketer.post(f"/campaigns/{campaign.pk}/do/launch/").status_code == 302
    campaign.refresh_from_db()
    assert campaign.state in ("planning", "running", "finished")
    assert Message.objects.count() <= 3


def test_launched_campaign_is_no_longer_edited(marketer: Client) -> None:
    campaign = make_campaign(state="running")
    answer = marketer.post(edit(campaign, "audience"), audience(name="Другое"))
    assert answer.url == f"/campaigns/{campaign.pk}/"
    campaign.refresh_from_db()
    assert campaign.name != "Другое"
    with pytest.raises(drafts.NotADraft):
        drafts.save_channels(campaign.pk, ["sms"])


@pytest.mark.parametrize(
    "tree", ['{"not":' * 5000, "[" * 90_000, '{"attribute": "city", "is": "in", "value": ["\\ud800"]}']
)
def test_a_tree_no_database_and_no_reader_could_take_is_refused_in_words(marketer: Client, tree: str) -> None:
    for fields in ({"where": tree}, {"where": json.dumps(WOMEN), "except": tree}):
        answer = marketer.post("/campaigns/new/", audience(**fields))
        assert answer.status_code == 200
        assert "could not be read" in answer.content.decode()
    assert not Campaign.objects.exists()


def test_months_written_as_a_fraction_are_whole_ones(marketer: Client) -> None:
    window = {"from": 0, "to": 5.0, "unit": "months"}
    marketer.post("/campaigns/new/", audience(where=json.dumps({"attribute": "visit", "is": "any", "ago": window})))
    assert marketer.get(f"/campaigns/{Campaign.objects.get().pk}/edit/when/", follow=True).status_code == 200


@pytest.mark.parametrize(
    "times",
    [{"start": "at", "starts_at": "9999-12-31T23:59"}, {"start": "now", "useful_until": "9999-12-31T23:59"}],
)
def test_a_year_beyond_any_plan_is_a_slip_of_the_finger(marketer: Client, times: dict[str, str]) -> None:
    campaign = draft(marketer)
    Campaign.objects.update(steps_saved=3)
    answer = marketer.post(f"/campaigns/{campaign.pk}/edit/when/", {"holdout_percent": 10, "window_days": 30, **times})
    assert answer.status_code == 200
    assert "too far ahead" in answer.content.decode()
    assert marketer.get(f"/campaigns/{campaign.pk}/people/").status_code == 200


def test_a_segment_in_the_address_that_is_none_means_nothing(marketer: Client) -> None:
    assert marketer.get("/campaigns/new/", {"segment": "\0"}).status_code == 200

"""List and page of campaigns: who may press what, numbers that add up, people behind them, two people's approval."""

import datetime as dt
import uuid
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from campaigns.models import Campaign, CampaignResult, ChannelAccount, Message
from campaigns.services.running import counts, drafts, lifecycle
from clinic_crm.roles import sync_roles
from tests.campaigns.making import NOW, launch, make_campaign, make_message, make_patients, make_user, policy

pytestmark = pytest.mark.django_db
VIEW = ("campaigns.view_campaign",)
LAUNCH = (*VIEW, "campaigns.add_campaign", "campaigns.change_campaign", "campaigns.launch_campaign")


def client_of(user: Any, *more: str) -> Client:
    for permission in more:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


def role(name: str) -> Client:
    sync_roles()
    from django.contrib.auth.models import Group

    user = User.objects.create_user(f"a {name}")
    user.groups.add(Group.objects.get(name=name))
    return client_of(user)


@pytest.fixture
def ready() -> None:
    policy(clinic_name="Clinic", clinic_details="Licence 1", approval=False)
    ChannelAccount.objects.create(channel="email", sender="clinic@example.org", price=1)


def ledger(campaign: Campaign, **states: int) -> None:
    for state, number in states.items():
        for patient in make_patients(number):
            make_message(patient, campaign=campaign, state=state)
    counts.refresh(campaign.pk, NOW)


def do(client: Client, campaign: Campaign, action: str, **posted: str) -> Any:
    return client.post(f"/campaigns/{campaign.pk}/do/{action}/", posted)


# --- Who may ------------------------------------------------------------------------------------------------------
def test_owner_looks_and_launches_nothing(ready: None) -> None:
    campaign = make_campaign(state="running")
    owner = role("owner")
    assert owner.get("/campaigns/").status_code == 200
    assert owner.get(f"/campaigns/{campaign.pk}/").status_code == 200
    for action in (
        "launch",
        "pause",
        "stop",
        "approve",
        "retry_failed",
        "release_unknown",
        "copy",
        "archive",
        "delete",
    ):
        assert do(owner, campaign, action).status_code == 403, action
    assert "/do/pause/" not in owner.get(f"/campaigns/{campaign.pk}/").content.decode()


def test_strangers_and_people_without_the_right_are_refused() -> None:
    campaign = make_campaign()
    nobody = client_of(make_user("nobody", "campaigns.view_calltask"))
    paths = ("/campaigns/", f"/campaigns/{campaign.pk}/", f"/campaigns/{campaign.pk}/people/")
    for path in paths:
        assert Client().get(path).status_code == 302
        assert nobody.get(path).status_code == 403
    viewer = client_of(make_user("viewer", *VIEW))
    assert viewer.get(paths[2]).status_code == 403  # names of patients need their own right


def test_marketer_pauses_goes_on_and_stops(ready: None) -> None:
    campaign = make_campaign(state="running")
    ledger(campaign, planned=3, sent=2)
    marketer = role("marketer")
    for action, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        assert do(marketer, campaign, action).status_code == 302
        campaign.refresh_from_db()
        assert campaign.state == state
    assert do(marketer, campaign, "stop").status_code == 302  # pressed twice
    assert Message.objects.filter(state="cancelled").count() == 3
    answer = do(marketer, campaign, "resume")
    assert "cannot be done now" in marketer.get(answer.url).content.decode()


def test_second_person_approves_and_the_first_cannot(ready: None) -> None:
    policy(approval=True)
    make_patients(2)
    campaign = make_campaign()
    author = client_of(make_user("author", *LAUNCH, "campaigns.approve_campaign"))
    do(author, campaign, "launch")
    campaign.refresh_from_db()
    assert campaign.state == "waiting"
    page = author.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert "/do/approve/" not in page and "/do/reject/" in page
    do(author, campaign, "approve")
    campaign.refresh_from_db()
    assert campaign.state == "waiting"
    chief = client_of(make_user("chief", *VIEW, "campaigns.approve_campaign"))
    assert "/do/approve/" in chief.get(f"/campaigns/{campaign.pk}/").content.decode()
    do(chief, campaign, "approve")
    campaign.refresh_from_db()
    assert campaign.state in ("planning", "running") and campaign.approved_by.username == "chief"


def test_sent_back_with_a_word_for_the_author(ready: None) -> None:
    policy(approval=True)
    campaign = make_campaign()
    author = client_of(make_user("author", *LAUNCH))
    do(author, campaign, "launch")
    chief = client_of(make_user("chief", *VIEW, "campaigns.approve_campaign"))
    assert chief.get(f"/campaigns/{campaign.pk}/do/reject/").content.decode().count("<textarea") == 1
    do(chief, campaign, "reject", note="Не та цена")
    assert "Не та цена" in author.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert Campaign.objects.get().state == "draft"


# --- Buttons ------------------------------------------------------------------------------------------------------
def test_what_cannot_be_taken_back_asks_first(ready: None) -> None:
    campaign = make_campaign(state="finished")
    ledger(campaign, failed=2, unknown=1, sent=1)
    marketer = client_of(make_user("marketer", *LAUNCH))
    page = marketer.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert "/do/retry_failed/" in page and "/do/release_unknown/" in page
    asked = marketer.get(f"/campaigns/{campaign.pk}/do/release_unknown/").content.decode()
    assert "twice" in asked and "1 message is concerned" in asked
    assert Message.objects.filter(state="unknown").count() == 1  # asking changes nothing
    do(marketer, campaign, "retry_failed")
    assert Message.objects.filter(state="planned").count() == 2
    assert Campaign.objects.get().state == "running"


def test_copy_is_a_draft_of_its_own_made_once(ready: None) -> None:
    make_patients(2)
    campaign = launch(make_campaign(variants=2, holdout_percent=30))
    marketer = client_of(make_user("marketer", *LAUNCH))
    key = str(uuid.uuid4())
    urls = {do(marketer, campaign, "copy", draft_key=key).url for _press in range(2)}
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert urls == {f"/campaigns/{copy.pk}/edit/when/"}
    assert (copy.state, copy.holdout_percent, copy.variants.count()) == ("draft", 30, 2)
    assert copy.salt != campaign.salt and copy.launched_at is None
    assert marketer.get(f"/campaigns/{copy.pk}/edit/when/").status_code == 200


def test_drafts_are_deleted_and_everything_else_is_not(ready: None) -> None:
    draft, running = make_campaign(), make_campaign(state="running")
    marketer = client_of(make_user("marketer", *LAUNCH))
    assert do(marketer, draft, "delete").url == "/campaigns/"
    assert do(marketer, draft, "delete").url == "/campaigns/"
    do(marketer, running, "delete")
    assert list(Campaign.objects.all()) == [running]


def test_archive_leaves_the_list_and_comes_back(ready: None) -> None:
    campaign = make_campaign(state="finished")
    marketer = client_of(make_user("marketer", *LAUNCH))
    do(marketer, campaign, "archive")
    assert campaign.name not in marketer.get("/campaigns/").content.decode()
    assert campaign.name in marketer.get("/campaigns/?state=archived").content.decode()
    do(marketer, campaign, "unarchive")
    assert campaign.name in marketer.get("/campaigns/").content.decode()
    assert not drafts.archive(make_campaign(state="running").pk, NOW)


def test_unknown_actions_and_campaigns_are_not_found(ready: None) -> None:
    marketer = client_of(make_user("marketer", *LAUNCH))
    assert do(marketer, make_campaign(), "nonsense").status_code == 404
    for path in ("/campaigns/99999/", "/campaigns/99999/do/pause/", "/campaigns/99999/edit/audience/"):
        assert marketer.get(path).status_code == 404


# --- Numbers ------------------------------------------------------------------------------------------------------
def test_parts_add_up_to_the_audience(ready: None) -> None:
    make_patients(20)
    make_patients(5, consented=())
    campaign = launch(make_campaign(holdout_percent=20))
    viewer = client_of(make_user("viewer", *VIEW), "patients.view_patient")
    page = viewer.get(f"/campaigns/{campaign.pk}/")
    parts = page.context["parts"]
    assert sum(part.messages for part in parts) == 25 == page.context["counted"].audience
    refused = next(part for part in parts if part.state == "suppressed")
    assert [(reason.code, reason.messages) for reason in refused.reasons] == [("no_consent", 5)]
    for part in parts:
        listed = viewer.get(f"/campaigns/{campaign.pk}/people/?state={part.state}")
        assert len(listed.context["rows"]) == part.messages == listed.context["number"]


def test_progress_asks_again_while_something_goes_on(ready: None) -> None:
    campaign = make_campaign(state="running")
    ledger(campaign, planned=1)
    viewer = client_of(make_user("viewer", *VIEW))
    url = f"/campaigns/{campaign.pk}/progress/?state=running"
    assert 'hx-trigger="every 4s"' in viewer.get(url).content.decode()
    assert "HX-Refresh" not in viewer.get(url)
    Campaign.objects.update(state="finished")
    assert viewer.get(url)["HX-Refresh"] == "true"


def test_people_are_paged_by_key_with_a_fixed_number_of_queries(
    ready: None, django_assert_max_num_queries: Any
) -> None:
    make_patients(120)
    campaign = launch(make_campaign())
    viewer = client_of(make_user("viewer", *VIEW), "patients.view_patient")
    path = f"/campaigns/{campaign.pk}/people/"
    viewer.get(path)
    seen: list[int] = []
    url = path
    for rows in (50, 50, 20):
        with django_assert_max_num_queries(11):
            page = viewer.get(url)
        assert len(page.context["rows"]) == rows
        seen += [row["message"].pk for row in page.context["rows"]]
        url = path + page.context["next_url"]
    assert len(set(seen)) == 120
    back = viewer.get(path + page.context["previous_url"])
    assert [row["message"].pk for row in back.context["rows"]] == seen[50:100]


def test_export_is_for_those_who_may_and_leaves_a_line_in_the_log(ready: None) -> None:
    (patient,) = make_patients(1)
    campaign = launch(make_campaign())
    path = f"/campaigns/{campaign.pk}/people/export/?format=csv&state=planned"
    user = make_user("viewer", *VIEW)
    assert client_of(user, "patients.view_patient").get(path).status_code == 403
    exporter = client_of(user, "patients.export_patient")
    answer = exporter.get(path)
    text = b"".join(answer.streaming_content).decode()
    assert patient.last_name in text and patient.email not in text
    assert LogEntry.objects.get(action=LogEntry.Action.ACCESS).additional_data["state"] == "planned"
    assert exporter.get(path.replace("csv", "exe")).status_code == 404


def test_list_takes_a_fixed_number_of_queries(ready: None, django_assert_max_num_queries: Any) -> None:
    viewer = client_of(make_user("viewer", *VIEW))
    for number in range(30):
        campaign = make_campaign(state="finished", launched_at=NOW - dt.timedelta(days=number))
        CampaignResult.objects.create(campaign=campaign, as_of=NOW.date(), group="treated", figures={"n": 9, "came": 1})
    viewer.get("/campaigns/")
    with django_assert_max_num_queries(11):
        page = viewer.get("/campaigns/")
    assert len(page.context["rows"]) == 25
    assert len(viewer.get("/campaigns/" + page.context["next_url"]).context["rows"]) == 5


def test_filters_of_the_list(ready: None) -> None:
    viewer = client_of(make_user("viewer", *VIEW))
    draft, calls = make_campaign(), make_campaign(channels=["call"], state="stopped", launched_at=NOW, ended_at=NOW)
    found = {
        query: [row["campaign"] for row in viewer.get(f"/campaigns/?{query}").context["rows"]]
        for query in ("state=draft", "channel=call", "state=running", "state=nonsense&channel=x&period=y&after=z")
    }
    assert found["state=draft"] == [draft]
    assert found["channel=call"] == [calls]
    assert found["state=running"] == []
    assert len(found["state=nonsense&channel=x&period=y&after=z"]) == 2


def test_empty_list_says_what_to_do_first(ready: None) -> None:
    page = client_of(make_user("marketer", *LAUNCH)).get("/campaigns/").content.decode()
    assert "The first campaign" in page and "/campaigns/new/" in page


def test_a_campaign_with_errors_is_not_launched() -> None:
    policy(clinic_name="Clinic", clinic_details="Licence 1", approval=False)
    ChannelAccount.objects.create(channel="email", sender="clinic@example.org", active=False)
    campaign = make_campaign()
    with pytest.raises(lifecycle.NotAllowed):
        lifecycle.submit(campaign.pk, make_user(), NOW)

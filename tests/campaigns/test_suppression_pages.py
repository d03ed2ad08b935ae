"""The suppression list and the consents of the clinic: who is refused, then what the pages do."""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from campaigns.models import ChannelReach, Suppression
from campaigns.services.consents import channel_reach
from campaigns.services.consents.suppressions import address_key, suppress
from clinic_crm.roles import sync_roles
from patients.models import Consent, IngestBatch, Integration
from tests.campaigns.making import NOW, consent, make_message, make_patients

pytestmark = pytest.mark.django_db
LIST = "/campaigns/addresses/"
PAGES = {
    LIST: {"administrator", "marketer"},
    f"{LIST}add/": {"administrator", "marketer"},
    f"{LIST}consents/": {"administrator", "marketer", "manager"},
    f"{LIST}consents/import/": {"administrator"},
    f"{LIST}consents/import/sample/": {"administrator"},
}


@pytest.fixture
def roles(db: None) -> None:
    sync_roles()


def reader(role: str) -> Client:
    user = User.objects.create_user(role, password="x")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(roles: None) -> Client:
    return reader("administrator")


# --- Refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*PAGES, f"{LIST}look-up/", f"{LIST}1/lift/", f"{LIST}consents/imports/1/"])
def test_strangers_are_sent_to_the_login(client: Client, url: str) -> None:
    response = client.post(url) if url.endswith("look-up/") else client.get(url)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


@pytest.mark.parametrize("role", ["administrator", "marketer", "manager", "owner"])
def test_each_role_opens_its_own_pages(roles: None, role: str) -> None:
    client = reader(role)
    for url, allowed in PAGES.items():
        assert client.get(url).status_code == (200 if role in allowed else 403), url


@pytest.mark.parametrize("role", ["marketer", "manager", "owner"])
def test_only_an_administrator_lifts(roles: None, role: str) -> None:
    suppress("email", 5, "manual", NOW)
    row = Suppression.objects.get()
    response = reader(role).post(f"{LIST}{row.pk}/lift/", {"why": "просил сам"})
    assert response.status_code == 403
    row.refresh_from_db()
    assert row.lifted_at is None


def test_an_address_is_looked_up_by_post_only(admin: Client) -> None:
    assert admin.get(f"{LIST}look-up/?address=a@example.org&channel=email").status_code == 405


# --- The list ----------------------------------------------------------------------------------------------------


def test_the_list_shows_no_address_but_those_of_the_card_masked(admin: Client) -> None:
    anna, boris = make_patients(2)
    suppress("email", address_key("stranger@mail.ru"), "manual", NOW)
    message = make_message(anna)
    suppress("email", message.address_key, "bounce", NOW, message_id=message.pk)
    moved = make_message(boris)
    suppress("email", moved.address_key, "complaint", NOW, message_id=moved.pk)
    type(boris).objects.filter(pk=boris.pk).update(email="other@mail.ru")
    page = admin.get(LIST).text
    assert f"{anna.email[0]}***@example.org" in page
    for secret in ("stranger", anna.email, boris.email, "other@"):
        assert secret not in page
    assert page.count("<code>#") == 2


def test_counts_and_filters(admin: Client) -> None:
    for n in range(3):
        suppress("email", n, "bounce", NOW)
    suppress("sms", 1, "manual", NOW)
    suppress("sms", 2, "manual", NOW)
    Suppression.objects.filter(channel="sms", address_key=2).update(lifted_at=NOW)
    assert len(admin.get(LIST).context["rows"]) == 4
    assert [row["all"] for row in admin.get(LIST).context["counts"]] == [3, 0, 0, 1]
    assert len(admin.get(f"{LIST}?channel=sms").context["rows"]) == 1
    assert len(admin.get(f"{LIST}?reason=bounce&from=oops&channel=pigeon").context["rows"]) == 3
    assert len(admin.get(f"{LIST}?state=lifted").context["rows"]) == 1


def test_the_list_is_paged_by_key_and_makes_a_fixed_number_of_queries(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    people = make_patients(60)
    for one in people:
        message = make_message(one)
        suppress("email", message.address_key, "bounce", NOW, message_id=message.pk)
    with django_assert_max_num_queries(14):
        first = admin.get(LIST)
    second = admin.get(first.context["next_url"])
    shown = [shown.row.pk for page in (first, second) for shown in page.context["rows"]]
    assert len(shown) == len(set(shown)) == 60
    assert second.context["next_url"] == ""


@pytest.mark.parametrize(
    ("channel", "typed", "masked"),
    [("email", " A.B@Mail.RU ", "A***@mail.ru"), ("sms", "8 (916) 111-22-33", "+7 *** *** 22 33")],
)
def test_an_address_is_found_however_it_is_written(admin: Client, channel: str, typed: str, masked: str) -> None:
    suppress(channel, address_key("a.b@mail.ru" if channel == "email" else "+79161112233"), "manual", NOW)
    response = admin.post(f"{LIST}look-up/", {"channel": channel, "address": typed})
    assert len(response.context["result"]["open"]) == 1
    assert masked in response.text
    assert "+79161112233" not in response.text


@pytest.mark.parametrize(
    "body", [{}, {"channel": "email", "address": "nobody"}, {"channel": "pigeon", "address": "a@b.ru"},
             {"channel": "sms", "address": "1"}, {"channel": "email", "address": "a\x00@b.ru"}],
)  # fmt: skip
def test_what_is_no_address_is_told(admin: Client, body: dict[str, str]) -> None:
    response = admin.post(f"{LIST}look-up/", body)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert response.context["result"] is None


def test_lifting_needs_a_reason_and_happens_once(admin: Client) -> None:
    suppress("email", 5, "unsubscribe", NOW, note="из 1С")
    row = Suppression.objects.get()
    assert admin.post(f"{LIST}{row.pk}/lift/", {"why": " \x00 "}).status_code == 200
    row.refresh_from_db()
    assert row.lifted_at is None
    for _again in range(2):
        assert admin.post(f"{LIST}{row.pk}/lift/", {"why": "просил письменно"}).status_code == 302
    row.refresh_from_db()
    assert row.lifted_at is not None
    assert row.note == "из 1С → просил письменно — administrator"
    assert admin.get(f"{LIST}{row.pk}/lift/").status_code == 200
    assert admin.get(f"{LIST}{row.pk + 1}/lift/").status_code == 404


# --- Adding ------------------------------------------------------------------------------------------------------


def form(**fields: Any) -> dict[str, Any]:
    return {"channel": "email", "reason": "manual", "marketing_only": "1", **fields}


def test_a_pasted_list_is_taken_line_by_line(roles: None) -> None:
    suppress("email", address_key("known@mail.ru"), "manual", NOW)
    text = "Почта;имя\nnew@mail.ru;Анна\nNEW@mail.ru\nknown@mail.ru\n\nnot an @address\n+7 916 111 22 33\n"
    response = reader("marketer").post(f"{LIST}add/", form(addresses=text, note="из старой базы"))
    report = response.context["report"]
    assert (report.lines, report.added, report.known) == (5, 1, 2)
    assert [(line.number, line.text) for line in report.refused] == [(6, "not an @address"), (7, "+7 916 111 22 33")]
    row = Suppression.objects.get(address_key=address_key("new@mail.ru"))
    assert (row.marketing_only, row.note) == (True, "из старой базы — marketer")
    assert "new@mail.ru" not in response.text
    assert "n***@mail.ru" in response.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1251"])
def test_a_file_of_phones_is_taken(admin: Client, encoding: str) -> None:
    upload = SimpleUploadedFile("стоп.csv", "Телефон;Кто\n8 916 111-22-33;Яна\n12;Пётр\n".encode(encoding))
    response = admin.post(f"{LIST}add/", form(channel="sms", marketing_only="0", file=upload))
    report = response.context["report"]
    assert (report.lines, report.added, len(report.refused)) == (2, 1, 1)
    row = Suppression.objects.get()
    assert (row.channel, row.address_key, row.marketing_only) == ("sms", address_key("+79161112233"), False)


def test_the_same_list_twice_adds_nothing_and_everything_is_stricter_than_advertising(admin: Client) -> None:
    for scope in ("1", "1", "0", "1"):
        admin.post(f"{LIST}add/", form(addresses="a@mail.ru", marketing_only=scope))
    assert Suppression.objects.get().marketing_only is False


@pytest.mark.parametrize(
    "fields", [{}, {"addresses": "  \n"}, {"addresses": "Почта"}, {"addresses": "a@b.ru", "channel": "pigeon"},
               {"addresses": "a@b.ru", "reason": ""}, {"addresses": "a@b.ru\n" * 100_002}],
)  # fmt: skip
def test_a_form_without_addresses_is_told(admin: Client, fields: dict[str, str]) -> None:
    response = admin.post(f"{LIST}add/", form(**fields))
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Suppression.objects.exists()


def test_no_address_gets_into_the_log(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        admin.post(f"{LIST}add/", form(addresses="private.person@mail.ru\nbroken@"))
        admin.post(f"{LIST}look-up/", {"channel": "email", "address": "private.person@mail.ru"})
    told = [record.getMessage() for record in caplog.records if record.name != "django.db.backends"]
    assert not [line for line in told if "private" in line or "broken@" in line]


# --- Consents ----------------------------------------------------------------------------------------------------


def test_reach_by_channel_counts_words_addresses_and_suppressions_of_the_night(admin: Client) -> None:
    agreed, refused, silent, addressless, suppressed = make_patients(5)
    gone = make_patients(1)[0]
    type(gone).objects.filter(pk=gone.pk).update(deleted_at=NOW)
    consent(refused, "email", granted=False)
    Consent.objects.filter(patient=silent).delete()
    type(gone).objects.filter(pk=addressless.pk).update(email="")
    suppress("email", address_key(suppressed.email), "unsubscribe", NOW - dt.timedelta(days=1))
    consent(agreed, "email", granted=False, at=NOW + dt.timedelta(days=3))
    as_of = NOW.date()
    for _again in range(2):
        assert channel_reach.count(as_of) == 3
    row = ChannelReach.objects.get(as_of=as_of, channel="email")
    assert (row.patients, row.with_address, row.granted, row.refused, row.not_asked, row.reachable) == (
        5,
        4,
        3,
        1,
        1,
        1,
    )
    assert row.share == pytest.approx(0.2)
    sms = ChannelReach.objects.get(as_of=as_of, channel="sms")
    assert (sms.granted, sms.reachable) == (4, 4)
    assert admin.get(f"{LIST}consents/").context["base"] == 5
    channel_reach.rewind(as_of)
    assert not ChannelReach.objects.exists()


def test_consents_are_imported_through_the_page(
    admin: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr("celery.app.task.Task.delay", lambda task, *arguments: task(*arguments))
    (anna,) = make_patients(consented=())
    upload = SimpleUploadedFile("Согласия.csv", f"Телефон;Дата\n{anna.phone};01.09.2025\n1;01.09.2025\n".encode())
    fields = {
        "file": upload, "source_system": Integration.objects.get(code="test").pk, "channel": "sms",
        "purpose": "marketing", "granted": "yes", "source": "анкета", "proof": "папка 3",
    }  # fmt: skip
    response = admin.post(f"{LIST}consents/import/", fields)
    assert response["Location"] == f"{LIST}consents/"
    batch = IngestBatch.objects.get()
    assert (batch.state, batch.created, batch.rejected) == ("done", 1, 1)
    assert f"{LIST}consents/imports/{batch.pk}/" in admin.get(f"{LIST}consents/").text
    rows = admin.get(f"{LIST}consents/imports/{batch.pk}/").context["rows"]
    assert [(row["item"].row, row["errors"][0][0]) for row in rows] == [(3, "телефон")]
    assert Consent.objects.get().proof == "папка 3"


def test_a_file_that_is_none_is_told_beside_the_field(admin: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    make_patients()
    upload = SimpleUploadedFile("a.csv", "канал\nsms\n".encode())
    fields = {"file": upload, "source_system": Integration.objects.get(code="test").pk}
    response = admin.post(f"{LIST}consents/import/", fields)
    assert response.status_code == 200
    assert "file" in response.context["form"].errors


def test_the_sample_can_be_imported(admin: Client, tmp_path: Path) -> None:
    from campaigns.services.consents.consent_files import open_file

    path = tmp_path / "sample.csv"
    path.write_bytes(admin.get(f"{LIST}consents/import/sample/").content)
    lines = list(open_file(path, "sample.csv", {}, timezone.get_default_timezone()).lines)
    assert [line.errors for line in lines] == [{}, {}]
    assert lines[0].said["granted"] is True
    assert lines[1].said["channel"] == "email"

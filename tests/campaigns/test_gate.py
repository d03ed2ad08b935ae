"""The gate: for every reason a table of who is stopped by it and who is not; the same when planned and when sent."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from campaigns import reasons
from campaigns.models import Campaign, Message, Suppression
from campaigns.services.deciding import gate, planning
from patients.models import Patient, ServiceGroup, VisitItem
from tests.campaigns.making import (
    NOW,
    address_key,
    consent,
    launch,
    make_branch,
    make_campaign,
    make_message,
    make_offer,
    make_patients,
    make_visit,
    policy,
)
from tests.segmentation.clinic import Clinic

pytestmark = pytest.mark.django_db
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
SOON = NOW + HOUR
Prepare = Callable[[Patient], Any]


def suppress(channel: str, address: str, *, marketing_only: bool = True, lifted: bool = False) -> None:
    Suppression.objects.create(
        channel=channel, address_key=address_key(address), reason="unsubscribe", marketing_only=marketing_only,
        lifted_at=NOW if lifted else None,
    )  # fmt: skip


def row_of(patient: Patient, campaign: Campaign) -> Message:
    return Message.objects.get(patient=patient, campaign=campaign)


def child(guardian: Patient | None, **fields: Any) -> Patient:
    born = datetime.date(2016, 3, 1)
    return make_patients(1, guardian=guardian, birth_date=born, consented=(), **fields)[0]


def no_change(_patient: Patient) -> None:
    """Nothing stands in the way."""


def update(**fields: Any) -> Prepare:
    return lambda patient: Patient.objects.filter(pk=patient.pk).update(**fields)


# What is done to a patient who could be written to by e-mail, and the reason that follows.
TABLE: list[tuple[str, Prepare]] = [
    ("", no_change),
    (reasons.NO_ADDRESS, update(email="", phone="")),
    (reasons.NO_ADDRESS, update(email="")),  # a phone does not help an e-mail campaign
    (reasons.NO_CONSENT, lambda patient: patient.consents.all().delete()),
    (reasons.NO_CONSENT, lambda patient: consent(patient, "email", granted=False)),
    ("", lambda patient: consent(patient, "sms", granted=False)),
    (reasons.NO_CONSENT, lambda patient: patient.consents.update(at=NOW + DAY)),
    (reasons.NO_CONSENT, lambda patient: patient.consents.update(until=NOW)),
    ("", lambda patient: patient.consents.update(until=NOW + DAY)),
    (reasons.NO_CONSENT, lambda patient: patient.consents.update(purpose="service")),
    (reasons.SUPPRESSED_ADDRESS, lambda patient: suppress("email", patient.email)),
    (reasons.SUPPRESSED_ADDRESS, lambda patient: suppress("email", patient.email.upper())),
    ("", lambda patient: suppress("sms", patient.email)),
    ("", lambda patient: suppress("email", patient.email, lifted=True)),
    (reasons.MINOR, update(birth_date=datetime.date(2016, 3, 1))),
    (reasons.MINOR, update(birth_date=NOW.date().replace(year=2008) + DAY)),  # comes of age tomorrow
    ("", update(birth_date=NOW.date().replace(year=2008))),  # today
    ("", update(birth_date=None)),
    (reasons.GOAL_MET, lambda patient: make_visit(patient, NOW + 3 * DAY, "booked")),
    (reasons.GOAL_MET, lambda patient: make_visit(patient, NOW + 3 * DAY, "confirmed")),
    ("", lambda patient: make_visit(patient, NOW + 3 * DAY, "cancelled")),
    ("", lambda patient: make_visit(patient, NOW - DAY, "completed")),
    ("", lambda patient: make_visit(patient, NOW + 3 * DAY, "booked", deleted_at=NOW)),
    (reasons.NO_TEXT, update(language="en")),
    ("", update(language="")),
    ("", update(language="ru-RU")),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "prepare"), TABLE)
def test_reason_when_planned(reason: str, prepare: Prepare) -> None:
    patient, other = make_patients(2)
    prepare(patient)
    campaign = launch(make_campaign())
    row = row_of(patient, campaign)
    assert (row.state, row.reason) == ("suppressed" if reason else "planned", reason)
    assert row_of(other, campaign).state == "planned"


@pytest.mark.parametrize(("reason", "prepare"), TABLE)
def test_the_same_reason_when_it_comes_up_between_planning_and_sending(reason: str, prepare: Prepare) -> None:
    patient, other = make_patients(2)
    campaign = launch(make_campaign())
    prepare(patient)
    ids = [row_of(one, campaign).pk for one in (patient, other)]
    Message.objects.update(state="sending", claimed_at=SOON)
    if reason == reasons.NO_TEXT:
        reason = ""  # the text was chosen when planned, in the language of then
    verdicts = gate.recheck(ids, NOW)
    assert verdicts == ({ids[0]: gate.Verdict(reason)} if reason else {})


@pytest.mark.parametrize("prepare", [update(deleted_at=NOW), update(merged_into=None, deleted_at=NOW, email="")])
def test_a_deleted_card_is_not_written_to(prepare: Prepare) -> None:
    (patient,) = make_patients(1)
    campaign = launch(make_campaign())
    prepare(patient)
    row = row_of(patient, campaign)
    assert gate.recheck([row.pk], NOW) == {row.pk: gate.Verdict(reasons.GONE)}


def test_a_merged_card_is_not_written_to() -> None:
    patient, kept = make_patients(2)
    campaign = launch(make_campaign())
    Patient.objects.filter(pk=patient.pk).update(merged_into=kept)
    assert gate.recheck([row_of(patient, campaign).pk], NOW) == {row_of(patient, campaign).pk: gate.Verdict("gone")}


def test_an_appointment_made_after_planning_and_come_is_the_goal_too() -> None:
    (patient,) = make_patients(1)
    campaign = launch(make_campaign())
    make_visit(patient, NOW + 2 * HOUR, "completed")
    row = row_of(patient, campaign)
    assert gate.recheck([row.pk], NOW + 3 * HOUR) == {row.pk: gate.Verdict(reasons.GOAL_MET)}


def test_the_goal_is_the_service_or_the_group_that_was_set() -> None:
    clinic = Clinic()
    group = ServiceGroup.objects.create(name="Косметология")
    wanted, other = clinic.service("Чистка"), clinic.service("Анализ")
    wanted.group = group
    wanted.save()
    for_wanted, for_other = make_patients(2)
    for patient, service in ((for_wanted, wanted), (for_other, other)):
        VisitItem.objects.create(visit=make_visit(patient, NOW + DAY, "booked"), service=service)
    for goal in ({"goal_service": wanted}, {"goal_group": group}):
        campaign = launch(make_campaign(**goal))
        assert row_of(for_wanted, campaign).reason == reasons.GOAL_MET
        assert row_of(for_other, campaign).state == "planned"
    campaign = launch(make_campaign(skip_booked=False))
    assert row_of(for_wanted, campaign).state == "planned"


# --- Channels -------------------------------------------------------------------------------------------------


def test_the_first_channel_on_which_somebody_may_be_reached_is_used() -> None:
    both, no_mail, no_word, out, nothing = make_patients(5)
    Patient.objects.filter(pk=no_mail.pk).update(email="")
    consent(no_word, "email", granted=False)
    suppress("email", out.email)
    Patient.objects.filter(pk=nothing.pk).update(email="")
    consent(nothing, "sms", granted=False)
    campaign = launch(make_campaign(channels=["email", "sms"]))
    assert [row_of(one, campaign).channel for one in (both, no_mail, no_word, out)] == ["email", "sms", "sms", "sms"]
    assert row_of(no_mail, campaign).address_key == address_key(no_mail.phone)
    # The furthest obstacle is told: there is a phone, but no word for it.
    assert row_of(nothing, campaign).reason == reasons.NO_CONSENT
    swapped = launch(make_campaign(channels=["sms", "email"], purpose="service"))
    assert row_of(both, swapped).channel == "sms"


def test_service_messages_need_no_consent_but_respect_a_refusal() -> None:
    silent, refused, unsubscribed, bounced = make_patients(4, consented=())
    consent(refused, "email", granted=False, purpose="service")
    suppress("email", unsubscribed.email, marketing_only=True)
    suppress("email", bounced.email, marketing_only=False)
    campaign = launch(make_campaign(purpose="service"))
    assert [row_of(one, campaign).reason for one in (silent, refused, unsubscribed, bounced)] == [
        "", reasons.NO_CONSENT, "", reasons.SUPPRESSED_ADDRESS,
    ]  # fmt: skip


def test_the_text_is_in_the_language_of_the_reader() -> None:
    russian, english, german = make_patients(3)
    Patient.objects.filter(pk=english.pk).update(language="en")
    Patient.objects.filter(pk=german.pk).update(language="de")
    campaign = launch(make_campaign(languages=("ru", "en")))
    assert row_of(russian, campaign).text.language == "ru"  # type: ignore[union-attr]
    assert row_of(english, campaign).text.language == "en"  # type: ignore[union-attr]
    assert row_of(german, campaign).reason == reasons.NO_TEXT


# --- Who reads ------------------------------------------------------------------------------------------------


def test_the_guardian_reads_for_a_child_by_the_guardians_own_word() -> None:
    mother, silent = make_patients(2)
    silent.consents.all().delete()
    hers, other = child(mother), child(silent)
    campaign = launch(make_campaign())
    Message.objects.filter(patient=mother).delete()
    assert row_of(other, campaign).reason == reasons.NO_CONSENT
    # The mother is written to herself, and one message per address is enough.
    assert row_of(hers, campaign).reason == reasons.HOUSEHOLD
    row = row_of(hers, campaign)
    assert row.recipient_id == mother.pk and row.address_key == address_key(mother.email)


def test_a_refusal_on_the_card_of_the_child_holds_for_the_guardian_too() -> None:
    (mother,) = make_patients(1)
    kid = child(mother)
    consent(kid, "email", granted=False)
    campaign = launch(make_campaign(audience={"where": {"attribute": "age", "is": "at_most", "value": 17}}))
    assert row_of(kid, campaign).reason == reasons.NO_CONSENT


def test_the_guardian_of_a_merged_card_is_the_card_that_was_kept() -> None:
    kept, old = make_patients(2)
    Patient.objects.filter(pk=old.pk).update(merged_into=kept)
    kid = child(old)
    campaign = launch(make_campaign(audience={"where": {"attribute": "age", "is": "at_most", "value": 17}}))
    assert row_of(kid, campaign).recipient_id == kept.pk


def test_a_guardian_who_is_gone_or_a_child_reads_for_nobody() -> None:
    gone, sister = make_patients(2)
    Patient.objects.filter(pk=gone.pk).update(deleted_at=NOW)
    Patient.objects.filter(pk=sister.pk).update(birth_date=datetime.date(2010, 1, 1))
    first, second = child(gone), child(sister)
    campaign = launch(make_campaign())
    assert {row_of(first, campaign).reason, row_of(second, campaign).reason} == {reasons.MINOR}


def test_a_guardian_reads_for_an_adult_without_an_address_only() -> None:
    daughter, lone = make_patients(2)
    old, own = make_patients(2, guardian=daughter, birth_date=datetime.date(1940, 1, 1))
    Patient.objects.filter(pk=old.pk).update(email="", phone="")
    Patient.objects.filter(pk=daughter.pk).update(birth_date=datetime.date(1970, 1, 1))
    campaign = launch(make_campaign(audience={"where": {"attribute": "age", "is": "at_least", "value": 80}}))
    assert row_of(old, campaign).recipient_id == daughter.pk
    assert row_of(own, campaign).recipient_id is None
    assert lone.pk


def test_a_new_address_is_judged_and_kept_when_it_is_sent_to() -> None:
    first, second = make_patients(2)
    campaign = launch(make_campaign())
    Patient.objects.filter(pk=first.pk).update(email="new@example.org")
    row = row_of(first, campaign)
    assert gate.recheck([row.pk], NOW) == {}
    row.refresh_from_db()
    assert row.address_key == address_key("new@example.org")
    # The second one moves to an address that this campaign has written to meanwhile.
    Message.objects.filter(pk=row.pk).update(state="sent", sent_at=NOW)
    Patient.objects.filter(pk=second.pk).update(email="NEW@example.org")
    late = row_of(second, campaign)
    assert gate.recheck([late.pk], NOW) == {late.pk: gate.Verdict(reasons.HOUSEHOLD)}


# --- Household ------------------------------------------------------------------------------------------------


def test_one_message_per_address_to_the_reader_then_to_the_last_to_come() -> None:
    from segmentation.models import Metrics

    def came(patient: Patient, day: int) -> None:
        Metrics.objects.create(patient=patient, as_of=NOW.date(), last_visit_on=datetime.date(2026, 10, day))

    mother, father, aunt = make_patients(3, email="family@example.org")
    kid = child(mother)
    came(kid, 30)
    came(father, 20)
    came(aunt, 10)
    campaign = launch(make_campaign())
    assert row_of(father, campaign).state == "planned"
    assert {row_of(one, campaign).reason for one in (mother, aunt, kid)} == {reasons.HOUSEHOLD}
    # Without the adults the child is written to, through the mother.
    again = launch(
        make_campaign(audience={"where": {"attribute": "age", "is": "at_most", "value": 17}}, purpose="service")
    )
    assert row_of(kid, again).state == "planned"


def test_the_older_card_of_a_household_is_kept_when_nothing_else_tells() -> None:
    first, second = make_patients(2, email="two@example.org")
    campaign = launch(make_campaign())
    assert (row_of(first, campaign).state, row_of(second, campaign).reason) == ("planned", reasons.HOUSEHOLD)


def test_whoever_cannot_be_written_to_takes_no_place_in_the_household() -> None:
    first, second = make_patients(2, email="two@example.org")
    make_visit(first, NOW + DAY, "booked")
    campaign = launch(make_campaign())
    assert (row_of(first, campaign).reason, row_of(second, campaign).state) == (reasons.GOAL_MET, "planned")


# --- Branches -------------------------------------------------------------------------------------------------


def test_a_campaign_is_for_its_branches_else_for_those_of_its_offer() -> None:
    from segmentation.models import Metrics

    moscow, siberia = make_branch("Москва"), make_branch("Новосибирск", "Asia/Novosibirsk")
    here, there, nowhere, came = make_patients(4)
    Patient.objects.filter(pk=here.pk).update(branch=moscow)
    Patient.objects.filter(pk=there.pk).update(branch=siberia)
    Metrics.objects.create(patient=came, as_of=NOW.date(), last_branch=moscow)
    for campaign in (
        make_campaign(branches=[moscow]),
        make_campaign(offer=make_offer(branches=[moscow]), purpose="service"),
    ):
        launch(campaign)
        assert [row_of(one, campaign).reason for one in (here, there, nowhere, came)] == [
            "", reasons.OTHER_BRANCH, reasons.OTHER_BRANCH, "",
        ]  # fmt: skip
        assert row_of(came, campaign).branch_id == moscow.pk
    # The branches of the campaign go before those of the offer.
    both = launch(make_campaign(branches=[siberia], offer=make_offer(branches=[moscow]), purpose="service"))
    assert row_of(there, both).state == "planned"
    Patient.objects.filter(pk=there.pk).update(branch=moscow)
    row = row_of(there, both)
    assert gate.recheck([row.pk], NOW) == {row.pk: gate.Verdict(reasons.OTHER_BRANCH)}


def test_a_branch_that_is_no_more_is_no_branch() -> None:
    from segmentation.models import Metrics

    (patient,) = make_patients(1)
    Metrics.objects.create(patient=patient, as_of=NOW.date(), last_branch_id=987_654)
    assert row_of(patient, launch(make_campaign())).branch_id is None


# --- Caps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ages", "blocked"),
    [
        ([], False),
        ([1], False),
        ([1, 2], True),
        ([1, 167], True),  # hours ago: the older one counts for one hour more
        ([1, 168], False),  # exactly seven days: it counts no more
        ([1, 169], False),
        ([0, 0], True),
    ],
)
def test_the_cap_rolls_over_exactly_its_days(ages: list[int], blocked: bool) -> None:
    policy(cap_messages=2, cap_days=7)
    (patient,) = make_patients(1)
    for hours in ages:
        make_message(patient, at=NOW - hours * HOUR)
    campaign = launch(make_campaign())
    row = row_of(patient, campaign)
    assert (row.reason == reasons.CAP_PERSON) is blocked
    if not blocked:
        assert gate.recheck([row.pk], NOW) == {}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"state": "sent"}, True),
        ({"state": "unknown"}, True),
        ({"state": "sending", "claimed_at": NOW - HOUR}, True),
        ({"state": "planned"}, True),
        ({"state": "deferred"}, True),
        ({"state": "failed"}, False),
        ({"state": "suppressed"}, False),
        ({"state": "cancelled"}, False),
        ({"state": "holdout"}, False),
        ({"state": "sent", "purpose": "service"}, False),
    ],
)
def test_what_counts_against_the_cap(fields: dict[str, Any], counts: bool) -> None:
    policy(cap_messages=1, cap_days=7)
    (patient,) = make_patients(1)
    make_message(patient, at=NOW - HOUR, **fields)
    assert (row_of(patient, launch(make_campaign())).reason == reasons.CAP_PERSON) is counts
    assert row_of(patient, launch(make_campaign(purpose="service"))).state == "planned"


def test_caps_hold_per_reader_and_per_address() -> None:
    policy(cap_messages=1, cap_days=7)
    mother, neighbour, other = make_patients(3)
    kid, twin = child(mother), child(None, email=mother.email)
    make_message(kid, at=NOW - HOUR, recipient=mother, address_key=address_key(mother.email))
    Patient.objects.filter(pk=neighbour.pk).update(phone=mother.phone)
    make_message(mother, channel="sms", at=NOW - 8 * DAY)
    campaign = launch(make_campaign())
    assert row_of(mother, campaign).reason == reasons.CAP_PERSON
    assert row_of(other, campaign).state == "planned"
    # Somebody else at the same address: another person, and still enough for it.
    Patient.objects.filter(pk=twin.pk).update(birth_date=datetime.date(1990, 1, 1))
    consent(twin, "email")
    grown = launch(make_campaign(audience={"where": {"attribute": "age", "is": "between", "value": [30, 40]}}))
    assert row_of(twin, grown).reason in (reasons.CAP_ADDRESS, reasons.HOUSEHOLD)


def test_messages_planned_for_later_count_when_theirs_would_be_too_many() -> None:
    policy(cap_messages=2, cap_days=7)
    (patient,) = make_patients(1)
    make_message(patient, state="planned", at=NOW + 3 * DAY)
    make_message(patient, state="planned", at=NOW + 5 * DAY)
    assert row_of(patient, launch(make_campaign())).reason == reasons.CAP_PERSON
    Message.objects.filter(state="suppressed").delete()
    # One before and one after, together in no stretch of seven days with the new one.
    Message.objects.filter(due_at=NOW + 3 * DAY).update(due_at=NOW - 4 * DAY)
    assert row_of(patient, launch(make_campaign())).state == "planned"


def test_of_two_messages_in_one_batch_the_older_goes() -> None:
    policy(cap_messages=1, cap_days=7)
    (patient,) = make_patients(1)
    first, second = (make_message(patient, state="sending", claimed_at=NOW) for _ in range(2))
    assert gate.recheck([first.pk, second.pk], NOW) == {second.pk: gate.Verdict(reasons.CAP_PERSON, NOW + gate.MOMENT)}
    Message.objects.filter(pk=first.pk).update(state="sent", sent_at=NOW)
    assert gate.recheck([second.pk], NOW) == {second.pk: gate.Verdict(reasons.CAP_PERSON)}


def test_two_dispatchers_with_a_message_each_to_one_person_both_wait() -> None:
    policy(cap_messages=1, cap_days=7)
    (patient,) = make_patients(1)
    first, second = (make_message(patient, state="sending", claimed_at=NOW) for _ in range(2))
    wait = gate.Verdict(reasons.CAP_PERSON, NOW + gate.MOMENT)
    assert gate.recheck([first.pk], NOW) == {first.pk: wait}
    assert gate.recheck([second.pk], NOW) == {second.pk: wait}


# --- Time -----------------------------------------------------------------------------------------------------


def test_night_at_the_patients_defers_until_the_morning_there() -> None:
    far = make_branch("Владивосток", "Asia/Vladivostok")
    at_home, away = make_patients(2)
    Patient.objects.filter(pk=away.pk).update(branch=far)
    campaign = launch(make_campaign())
    ids = {one.pk: row_of(one, campaign).pk for one in (at_home, away)}
    evening = NOW + 3 * HOUR  # 15:00 in Moscow, 22:00 in Vladivostok
    morning = datetime.datetime(2026, 11, 23, 23, 0, tzinfo=datetime.UTC)
    assert gate.recheck(list(ids.values()), evening) == {ids[away.pk]: gate.Verdict(reasons.QUIET_HOURS, morning)}


def test_what_is_no_longer_useful_expires() -> None:
    (patient,) = make_patients(1)
    campaign = launch(make_campaign(useful_until=NOW + DAY))
    row = row_of(patient, campaign)
    assert gate.recheck([row.pk], NOW + DAY) == {row.pk: gate.Verdict(reasons.LATE)}


def test_a_stopped_campaign_says_nothing_more() -> None:
    (patient,) = make_patients(1)
    campaign = launch(make_campaign())
    Campaign.objects.update(state="stopped")
    row = row_of(patient, campaign)
    assert gate.recheck([row.pk], NOW) == {row.pk: gate.Verdict(reasons.STOPPED)}


def test_messages_of_no_campaign_are_judged_by_the_rules_of_the_house() -> None:
    free, refused = make_patients(2)
    consent(refused, "email", granted=False)
    ids = [make_message(one, state="sending", claimed_at=NOW).pk for one in (free, refused)]
    assert gate.recheck(ids, NOW) == {ids[1]: gate.Verdict(reasons.NO_CONSENT)}
    assert gate.recheck([], NOW) == {}


def test_people_of_a_draft_are_listed_by_reason() -> None:
    free, refused, other = make_patients(3)
    consent(refused, "email", granted=False)
    draft = make_campaign()
    assert planning.people_of(draft, reasons.NO_CONSENT, NOW) == [refused.pk]
    assert planning.people_of(draft, "", NOW) == [free.pk, other.pk]
    assert planning.people_of(draft, "", NOW, after=free.pk) == [other.pk]
    assert planning.people_of(draft, "holdout", NOW) == []
    assert not Message.objects.exists()

"""Small builders for the tests of campaigns: patients who may be written to, and a campaign ready to be launched.

anna, = make_patients(1, email="anna@example.org")
campaign = make_campaign(channels=["email", "sms"])
launch(campaign)            # planned: the ledger is filled, the campaign runs
"""

import datetime
import itertools
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from campaigns.models import Campaign, Channel, Message, Offer, Policy, Template, TemplateText, Variant, VariantTemplate
from patients.models import Branch, Consent, Integration, Patient, Visit

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)  # Monday noon in Moscow
BEFORE = NOW - datetime.timedelta(days=400)
EVERYBODY: dict[str, Any] = {"where": {}, "except": None}
# What the law wants in advertising is in it, so that a campaign of it may be launched by the button.
LAWFUL = "Здравствуйте, {{ patient.first_name }}! {{ warning }} Отписаться: {{ unsubscribe_url }}"
_numbers = itertools.count(1)


def _key() -> dict[str, Any]:
    source, _created = Integration.objects.get_or_create(code="test")
    return {"source": source, "external_id": f"c{next(_numbers)}"}


def make_branch(name: str = "Центр", zone: str = "Europe/Moscow") -> Branch:
    return Branch.objects.create(name=name, timezone=zone, **_key())


def make_patients(n: int = 1, *, consented: tuple[str, ...] = ("email", "sms", "call"), **fields: Any) -> list[Patient]:
    """Adults with an address of their own on every channel, who agreed to advertising on `consented`."""
    made = []
    for _ in range(n):
        key = _key()
        number = int(key["external_id"][1:])
        defaults: dict[str, Any] = {
            "last_name": "Иванова", "first_name": "Анна", "middle_name": "Петровна", "sex": "female",
            "birth_date": datetime.date(1985, 5, 17), "language": "ru",
            "email": f"p{number}@example.org", "phone": f"+7916{number:07d}",
        }  # fmt: skip
        made.append(Patient(**{**defaults, **fields}, **key))
    Patient.objects.bulk_create(made)
    Consent.objects.bulk_create(
        Consent(patient=patient, channel=channel, purpose="marketing", granted=True, at=BEFORE, source="test")
        for patient in made
        for channel in consented
    )
    return made


def consent(
    patient: Patient, channel: str = "email", granted: bool = True, purpose: str = "marketing",
    at: datetime.datetime | None = None,
) -> Consent:  # fmt: skip
    """A new word of the patient: it closes the one that was open."""
    at = at or NOW - datetime.timedelta(days=1)
    open_words = Consent.objects.filter(patient=patient, channel=channel, purpose=purpose, until__isnull=True)
    open_words.filter(at__lt=at).update(until=at)
    return Consent.objects.create(
        patient=patient, channel=channel, purpose=purpose, granted=granted, at=at, source="test"
    )


def make_visit(
    patient: Patient, at: datetime.datetime, status: str = "completed", created_at: datetime.datetime | None = None,
    **fields: Any,
) -> Visit:  # fmt: skip
    """A visit known since `created_at` (default: since it was made)."""
    visit = Visit.objects.create(
        patient=patient, starts_at=at, starts_on=timezone.localdate(at), status=status, **fields, **_key()
    )
    Visit.objects.filter(pk=visit.pk).update(created_at=created_at or min(at, NOW))
    return visit


def make_template(channel: str = "email", purpose: str = "marketing", **texts: str) -> Template:
    """A template with a text per language: make_template("sms", ru="Ждём вас", en="Come again")."""
    template = Template.objects.create(name=f"Шаблон {next(_numbers)}", channel=channel, purpose=purpose)
    for language, body in (texts or {"ru": LAWFUL}).items():
        TemplateText.objects.create(
            template=template, language=language, version=1, current=True, body=body, plain=body,
            subject="Приглашение" if channel == "email" else "", html=f"<p>{body}</p>" if channel == "email" else "",
        )  # fmt: skip
    return template


def make_offer(**fields: Any) -> Offer:
    branches = fields.pop("branches", [])
    offer = Offer.objects.create(**{"name": "Осенний уход", "terms": "Чистка в подарок.", **fields})
    offer.branches.set(branches)
    return offer


def make_campaign(
    *, channels: list[str] | None = None, variants: int = 1, weights: list[int] | None = None,
    offer: Offer | None = None, branches: list[Branch] | None = None, languages: tuple[str, ...] = ("ru",),
    **fields: Any,
) -> Campaign:  # fmt: skip
    """A draft to everybody with a text on every channel; no hold-out unless asked for."""
    channels = channels or ["email"]
    purpose = fields.get("purpose", "marketing")
    campaign = Campaign.objects.create(
        **{
            "name": f"Кампания {next(_numbers)}", "channels": channels, "holdout_percent": 0, "audience": EVERYBODY,
            "warm_up": False, "salt": f"salt{next(_numbers)}", **fields,
        }
    )  # fmt: skip
    campaign.branches.set(branches or [])
    templates = {channel: make_template(channel, purpose, **dict.fromkeys(languages, LAWFUL)) for channel in channels}
    for number in range(variants):
        weight = weights[number] if weights else 1
        variant = Variant.objects.create(campaign=campaign, letter="ABCDEFGH"[number], weight=weight, offer=offer)
        VariantTemplate.objects.bulk_create(
            VariantTemplate(variant=variant, channel=channel, template=template)
            for channel, template in templates.items()
        )
    return campaign


def make_user(name: str = "marketer", *permissions: str) -> Any:
    """A user with permissions like "campaigns.launch_campaign"; by default all those of campaigns."""
    from django.contrib.auth.models import Permission

    user, _created = get_user_model().objects.get_or_create(username=name)
    granted = Permission.objects.filter(content_type__app_label="campaigns")
    if permissions:
        granted = granted.filter(codename__in=[permission.rpartition(".")[2] for permission in permissions])
    user.user_permissions.set(granted)
    return get_user_model().objects.get(pk=user.pk)


def launch(campaign: Campaign, now: datetime.datetime = NOW) -> Campaign:
    """What a launch does, without its checks of the text: texts frozen, the ledger written, the campaign running."""
    from campaigns.services.deciding import planning
    from campaigns.services.running import lifecycle

    lifecycle.freeze(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.PLANNING, launched_at=now)
    planning.plan(campaign.pk, now)
    campaign.refresh_from_db()
    return campaign


def make_message(
    patient: Patient, *, campaign: Campaign | None = None, channel: str = "email", state: str = "sent",
    at: datetime.datetime = NOW, **fields: Any,
) -> Message:  # fmt: skip
    """A row of the ledger by hand; its address is that of the patient."""
    number = next(_numbers)
    address = patient.email if channel == Channel.EMAIL else patient.phone
    defaults: dict[str, Any] = {
        "dedupe_key": f"t{number}", "purpose": "marketing", "planned_at": at, "due_at": at,
        "sent_at": at if state in ("sent", "unknown") else None,
        "reason": {"failed": "channel_failed", "unknown": "interrupted", "suppressed": "no_consent",
                   "cancelled": "stopped"}.get(state, ""),
        "address_key": address_key(address),
    }  # fmt: skip
    return Message.objects.create(
        patient=patient, campaign=campaign, channel=channel, state=state, **{**defaults, **fields}
    )


def address_key(address: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT hashtextextended(lower(%s), 0)", [address])
        return int(cursor.fetchone()[0])


def policy(**fields: Any) -> Policy:
    Policy.load()
    Policy.objects.update(**fields)
    return Policy.load()

"""What the demonstration clinic has beside its campaigns: a name for its letters, texts, segments of its own."""

from campaigns.models import ChannelAccount, Policy
from campaigns.services.writing import content
from patients.models import Service
from segmentation.conditions import Tree
from segmentation.models import Segmentation
from segmentation.services import own

NAME = "Клиника «Весна»"
DETAILS = "Москва, ул. Таганская, 24. Лицензия Л041-01137-77/00000000 от 01.02.2021"
SENDERS = {"email": "Клиника «Весна» <vesna@localhost.localdomain>", "sms": "VESNA"}
CORRECTION = own.Look(
    "Пора на коррекцию перманента", "Due for permanent make-up correction", "#ae3ec9",
    {
        "description": "От первой процедуры прошло 12–18 месяцев, записи нет.",
        "description_en": "Twelve to eighteen months after the first procedure, nothing booked.",
        "tactic": "Письмо с предложением коррекции; без почты — SMS.",
        "tactic_en": "A mail that offers the correction; an SMS to those without an address.",
    },
)  # fmt: skip
YOUNG_HEARTS = own.Look(
    "Юноши 17–18 лет: к кардиологу", "Young men of 17–18: to the cardiologist", "#1c7ed6",
    {
        "description": "Перед военкоматом, весной и осенью, спрос на кардиолога растёт втрое.",
        "description_en": "Before conscription, in spring and autumn, they need a cardiologist.",
        "tactic": "Пригласить до начала призыва; письмо читает родитель.",
        "tactic_en": "Invite them before the season begins; a parent reads the letter.",
    },
)  # fmt: skip


def furnish(source: int) -> None:
    """Everything that is not there yet; what a person has changed stays."""
    Policy.load()
    Policy.objects.filter(clinic_name="").update(clinic_name=NAME, clinic_details=DETAILS)
    for channel, sender in SENDERS.items():
        fresh = ChannelAccount.objects.filter(channel=channel, params__provider="catcher")
        fresh.exclude(sender=sender).filter(sender__in=["Clinic <clinic@localhost.localdomain>", "CLINIC"]).update(
            sender=sender
        )
    content.ensure_defaults()
    make_up = list(
        Service.objects.filter(source=source, external_id__in=["S17", "S18"])
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    _segment("own-demo-pmu", CORRECTION, [due_for_correction(make_up), no_appointment()])
    _segment("own-demo-hearts", YOUNG_HEARTS, [
        {"attribute": "sex", "is": "in", "value": ["male"]},
        {"attribute": "age", "is": "between", "value": [17, 18]},
        no_appointment(),
    ])  # fmt: skip


def due_for_correction(make_up: list[int]) -> Tree:
    return {
        "attribute": "service_visit", "is": "first", "services": make_up,
        "ago": {"from": 12, "to": 18, "unit": "months"},
    }  # fmt: skip


def no_appointment() -> Tree:
    return {"not": {"attribute": "appointment", "is": "any"}}


def _segment(code: str, look: own.Look, conditions: list[Tree]) -> None:
    if not Segmentation.objects.filter(code=code).exists():
        own.save_rule(code, look, {"all": conditions})

"""The campaigns of the demonstration year and what each of them truly did."""

from dataclasses import dataclass
from typing import Any, NamedTuple

CLEANING = ("S31", "S42")
PERMANENT, CORRECTION = ("S17", "S18"), "S19"
LASER = ("S20", "S22")
HEART = ("S60", "S61", "S62", "S65")
SMS_TAIL = " {{ warning }} Отказ: {{ unsubscribe_url }}"


class Saying(NamedTuple):
    """A variant: the template (a starter's code, or a text of its own), its offer and the uplift it truly has: how
    much larger the share of those who come is, as a difference of shares."""

    starter: str
    lift: float
    service: str
    discount: int = 0
    promo_code: str = ""
    text: str = ""


@dataclass(frozen=True)
class Story:
    """`began`: days before the day on which the clinic is seen. A negative lift: the messages kept patients away."""

    code: str
    name: str
    began: int
    channel: str
    where: dict[str, Any]
    says: tuple[Saying, ...]
    holdout: int = 10
    window: int = 30
    goal: str = ""
    per_day: int | None = None


def away(start: int, end: int) -> dict[str, Any]:
    """The last visit lies so many months back."""
    return {"attribute": "visit", "is": "last", "ago": {"from": start, "to": end, "unit": "months"}}


def had(services: tuple[str, ...], start: int, end: int, which: str = "last") -> dict[str, Any]:
    """The first or last of these services (codes of the catalogue) lies so many months back."""
    return {
        "attribute": "service_visit", "is": which, "services": list(services),
        "ago": {"from": start, "to": end, "unit": "months"},
    }  # fmt: skip


STORIES = (
    Story(
        "win-back-autumn", "Возвращение: давно не были", 352, "email", away(6, 24),
        (Saying("win_back", 0.055, "S16", 10, "VERNIS10"),), holdout=25,
    ),
    Story(
        "hygiene-winter", "Плановая гигиена, SMS", 322, "sms", had(CLEANING, 5, 14),
        (Saying("hygiene_sms", 0.075, "S31", 15, "CHISTO15"),), holdout=20, goal="S31",
    ),
    Story(
        "correction", "Коррекция перманентного макияжа", 291, "email", had(PERMANENT, 12, 18, "first"),
        (Saying("pmu_mail", 0.12, CORRECTION, 10, "BROWS10"),), goal=CORRECTION, window=45,
    ),
    Story(
        "digest", "Дайджест клиники без предложения", 262, "email", away(0, 12),
        (Saying("win_back", 0.0, "S01"),), holdout=15,
    ),
    Story(
        "sms-flood", "SMS «Скидки недели» недавно бывшим", 231, "sms", away(0, 4),
        (Saying("", -0.06, "S02", 20, "NEDELYA20", "Скидки недели до 20% на уход за лицом, код "
                "{{ offer.promo_code }}." + SMS_TAIL),), holdout=30,
    ),
    Story(
        "ab-discount", "Уход за лицом: словами или скидкой", 199, "email", away(2, 18),
        (
            Saying("win_back", 0.01, "S16"),
            Saying("win_back", 0.055, "S16", 20, "UHOD20"),
        ), holdout=25,
    ),
    Story(
        "calls-vip", "Звонок тем, кто перестал приходить", 166, "call", away(7, 14),
        (Saying("overdue_call", 0.09, "S64"),), holdout=30, window=21, per_day=60,
    ),
    Story(
        "heart", "Чек-ап «Здоровое сердце»", 133, "email", had(HEART, 5, 24),
        (Saying("win_back", 0.04, "S65", 10, "SERDCE10"),), holdout=15, goal="S65", window=45,
    ),
    Story(
        "summer-sms", "Лето без тусклой кожи, SMS всем", 104, "sms", away(1, 12),
        (Saying("", 0.02, "S06", 15, "LETO15", "Мезотерапия лица со скидкой 15% до конца месяца, код "
                "{{ offer.promo_code }}." + SMS_TAIL),), holdout=0,
    ),
    Story(
        "win-back-summer", "Возвращение: второе письмо года", 74, "email", away(7, 26),
        (Saying("win_back", 0.05, "S16", 10, "SNOVA10"),), holdout=25,
    ),
    Story(
        "hygiene-autumn", "Плановая гигиена, осень", 50, "sms", had(CLEANING, 5, 14),
        (Saying("hygiene_sms", 0.06, "S31", 15, "OSEN15"),), holdout=20, goal="S31",
    ),
    Story(
        "laser-autumn", "Лазерная эпиляция: поддерживающий сеанс", 13, "email", had(LASER, 4, 12),
        (Saying("win_back", 0.06, LASER[0], 10, "GLADKO10"),),
    ),
)  # fmt: skip

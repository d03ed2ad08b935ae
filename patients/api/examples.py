"""Items that work when pasted, one per resource; the tests post these very ones."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "branches": {
        "external_id": "tverskaya", "name": "Клиника на Тверской", "city": "Москва", "timezone": "Europe/Moscow",
        "review_url": "https://yandex.ru/maps/org/1234567890/reviews/",
    },
    "doctors": {
        "external_id": "d-17", "name": "Орлова Мария Павловна", "specialty": "косметолог", "branch": "tverskaya",
    },
    "services": {
        "external_id": "botox-1", "name": "Ботулинотерапия, одна зона", "group": "Косметология", "price": 6500.0,
        "cost": 2100.0, "recall_days": 150, "sensitive": False, "min_age": 18, "max_age": None, "sex": "",
    },
    "patients": {
        "external_id": "p-1001", "last_name": "Иванова", "first_name": "Анна", "middle_name": "Сергеевна",
        "sex": "female", "birth_date": "1986-04-12", "phone": "8 (916) 123-45-67", "email": "anna@example.com",
        "city": "Москва", "branch": "tverskaya", "channel": "Яндекс Карты",
        "registered_at": "2024-02-03T12:00:00+03:00", "guardian": None, "referred_by": None, "language": "ru",
        "updated_at": "2026-03-01T18:20:00+03:00",
    },
    "visits": {
        "external_id": "v-50001", "patient": "p-1001", "branch": "tverskaya", "doctor": "d-17",
        "starts_at": "2026-03-01T10:30:00+03:00", "status": "completed", "return_due_on": "2026-08-01",
        "promo_code": "", "updated_at": "2026-03-01T18:20:00+03:00",
        "items": [
            {"service": "botox-1", "quantity": 2, "price": 6500.0, "discount": 1000.0, "cost": 4200.0},
            {"service": "consultation", "quantity": 1, "price": 1500.0, "discount": 0.0, "cost": 300.0},
        ],
    },
    "payments": {
        "external_id": "pay-7001", "patient": "p-1001", "visit": "v-50001", "paid_at": "2026-03-01T11:40:00+03:00",
        "amount": 13500.0, "kind": "single",
    },
    "feedback": {
        "external_id": "f-301", "patient": "p-1001", "visit": "v-50001", "score": 9, "comment": "Всё понравилось",
        "complaint": False, "given_at": "2026-03-02T09:00:00+03:00",
    },
    "consents": {
        "patient": "p-1001", "channel": "sms", "purpose": "marketing", "granted": True, "text_version": "2026-01",
        "source": "анкета на ресепшене", "proof": "архив 12/348", "at": "2026-03-01T10:15:00+03:00",
    },
    "packages": {
        "external_id": "pack-77", "patient": "p-1001", "service": "botox-1", "name": "Ботулинотерапия, 8 сеансов",
        "sessions": 8, "bought_on": "2026-03-01", "expires_on": "2027-03-01",
    },
    "slots": {
        "external_id": "tverskaya-d-17-2026-03-09", "branch": "tverskaya", "doctor": "d-17", "day": "2026-03-09",
        "free": 6, "total": 20, "updated_at": "2026-03-01T06:00:00+03:00",
    },
}  # fmt: skip

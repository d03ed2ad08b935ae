"""What a mapping may fill: the fields of every resource of the API and how a cell becomes one of them."""

from collections.abc import Mapping

# The order in which resources of one chunk go in, so that references find what they point at.
ORDER = (
    "branches", "doctors", "services", "patients", "visits", "payments", "feedback", "consents", "packages", "slots",
)  # fmt: skip

_BRANCH = {"external_id": "id", "name": "text", "city": "text", "timezone": "text", "review_url": "text"}
_DOCTOR = {"external_id": "id", "name": "text", "specialty": "text", "branch": "id"}
_SERVICE = {
    "external_id": "id", "name": "text", "group": "text", "price": "decimal", "cost": "decimal",
    "recall_days": "integer", "sensitive": "boolean", "min_age": "integer", "max_age": "integer", "sex": "text",
}  # fmt: skip
_PATIENT = {
    "external_id": "id", "last_name": "text", "first_name": "text", "middle_name": "text", "sex": "text",
    "birth_date": "date", "phone": "id", "email": "text", "city": "text", "branch": "id", "channel": "text",
    "registered_at": "datetime", "guardian": "id", "referred_by": "id", "language": "text",
}  # fmt: skip
_VISIT = {
    "external_id": "id", "patient": "id", "branch": "id", "doctor": "id", "starts_at": "datetime", "status": "text",
    "return_due_on": "date", "promo_code": "text",
}  # fmt: skip
_PAYMENT = {
    "external_id": "id", "patient": "id", "visit": "id", "paid_at": "datetime", "amount": "decimal", "kind": "text",
}  # fmt: skip
_FEEDBACK = {
    "external_id": "id", "patient": "id", "visit": "id", "score": "integer", "comment": "text",
    "complaint": "boolean", "given_at": "datetime",
}  # fmt: skip
_CONSENT = {
    "patient": "id", "channel": "text", "purpose": "text", "granted": "boolean", "text_version": "text",
    "source": "text", "proof": "text", "at": "datetime",
}  # fmt: skip

_PACKAGE = {
    "external_id": "id", "patient": "id", "service": "id", "name": "text", "sessions": "integer",
    "bought_on": "date", "expires_on": "date",
}  # fmt: skip
_SLOT = {
    "external_id": "id", "branch": "id", "doctor": "id", "day": "date", "free": "integer", "total": "integer",
}  # fmt: skip

FIELDS: Mapping[str, Mapping[str, str]] = {
    "branches": _BRANCH | {"updated_at": "datetime"},
    "doctors": _DOCTOR | {"updated_at": "datetime"},
    "services": _SERVICE | {"updated_at": "datetime"},
    "patients": _PATIENT | {"updated_at": "datetime"},
    "visits": _VISIT | {"updated_at": "datetime"},
    "payments": _PAYMENT | {"updated_at": "datetime"},
    "feedback": _FEEDBACK | {"updated_at": "datetime"},
    "consents": _CONSENT,
    "packages": _PACKAGE | {"updated_at": "datetime"},
    "slots": _SLOT | {"updated_at": "datetime"},
}
ITEM_FIELDS: Mapping[str, str] = {
    "service": "id", "quantity": "decimal", "price": "decimal", "discount": "decimal", "cost": "decimal",
}  # fmt: skip

# Without these no row can be taken, so a mapping that leaves one out is refused before the file is read.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "branches": ("external_id", "name"),
    "doctors": ("external_id", "name"),
    "services": ("external_id", "name"),
    "patients": ("external_id",),
    "visits": ("external_id", "patient", "starts_at", "status"),
    "payments": ("external_id", "patient", "paid_at", "amount"),
    "feedback": ("external_id", "patient", "given_at"),
    "consents": ("patient", "channel", "purpose", "granted", "at"),
    "packages": ("external_id", "patient", "sessions", "bought_on"),
    "slots": ("external_id", "branch", "day", "free"),
}

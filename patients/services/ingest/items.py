"""What a source may post: one model per resource. An item is the whole state of its row; unknown fields are refused.

References (`branch`, `doctor`, `patient`, `service`, …) are external ids of the same source.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from patients.services.ingest.types import (
    Day,
    ExternalId,
    Flag,
    Moment,
    Money,
    OptionalMoment,
    OptionalMoney,
    Quantity,
    Reference,
    RequiredDay,
    Sex,
    count,
    name,
    number,
    text,
)

MAX_VISIT_ITEMS = 200


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BranchItem(Item):
    """A clinic at one address; its time zone decides on which day a visit happened. `review_url` is the page where
    happy patients are asked for a public review."""

    external_id: ExternalId
    name: name(200)  # type: ignore[valid-type]
    city: text(100) = ""  # type: ignore[valid-type]
    timezone: text(64) = ""  # type: ignore[valid-type]
    review_url: text(500) = ""  # type: ignore[valid-type]
    updated_at: OptionalMoment = None


class DoctorItem(Item):
    external_id: ExternalId
    name: name(200)  # type: ignore[valid-type]
    specialty: text(120) = ""  # type: ignore[valid-type]
    branch: Reference = None
    updated_at: OptionalMoment = None


class ServiceItem(Item):
    """`group` is a name, created on demand; `recall_days` empty: the service does not repeat."""

    external_id: ExternalId
    name: name(300)  # type: ignore[valid-type]
    group: text(120) = ""  # type: ignore[valid-type]
    price: OptionalMoney = None
    cost: OptionalMoney = None
    recall_days: number(1, 36_500) = None  # type: ignore[valid-type]
    sensitive: Flag = False
    min_age: number(0, 150) = None  # type: ignore[valid-type]
    max_age: number(0, 150) = None  # type: ignore[valid-type]
    sex: Sex = ""
    updated_at: OptionalMoment = None


class PatientItem(Item):
    """`channel` is the name of an acquisition channel, created on demand."""

    external_id: ExternalId
    last_name: text(120) = ""  # type: ignore[valid-type]
    first_name: text(120) = ""  # type: ignore[valid-type]
    middle_name: text(120) = ""  # type: ignore[valid-type]
    sex: Sex = ""
    birth_date: Day = None
    phone: text(64) = ""  # type: ignore[valid-type]
    email: text(320) = ""  # type: ignore[valid-type]
    city: text(100) = ""  # type: ignore[valid-type]
    branch: Reference = None
    channel: text(120) = ""  # type: ignore[valid-type]
    registered_at: OptionalMoment = None
    guardian: Reference = None
    referred_by: Reference = None
    language: text(5) = ""  # type: ignore[valid-type]
    updated_at: OptionalMoment = None


class VisitLine(Item):
    """A service rendered. `price` is for one; `discount` and `cost` are for the whole line."""

    service: ExternalId
    quantity: Quantity = 1
    price: Money = 0
    discount: Money = 0
    cost: Money = 0


class VisitItem(Item):
    """A visit or, in the future, an appointment. A time without an offset is the branch's own."""

    external_id: ExternalId
    patient: ExternalId
    branch: Reference = None
    doctor: Reference = None
    starts_at: Moment
    status: Literal["booked", "confirmed", "arrived", "completed", "cancelled", "no_show"]
    return_due_on: Day = None
    promo_code: text(40) = ""  # type: ignore[valid-type]
    updated_at: OptionalMoment = None
    items: list[VisitLine] = Field(default=[], max_length=MAX_VISIT_ITEMS)


class PaymentItem(Item):
    """Money that came in; for money that went back use the kind `refund` with a positive amount."""

    external_id: ExternalId
    patient: ExternalId
    visit: Reference = None
    paid_at: Moment
    amount: Money
    kind: Literal["single", "package", "refund"] = "single"
    updated_at: OptionalMoment = None


class FeedbackItem(Item):
    external_id: ExternalId
    patient: ExternalId
    visit: Reference = None
    score: number(0, 10) = None  # type: ignore[valid-type]
    comment: text(10_000) = ""  # type: ignore[valid-type]
    complaint: Flag = False
    given_at: Moment
    updated_at: OptionalMoment = None


class ConsentItem(Item):
    """A patient's word on one channel and purpose. It holds from `at` until the next word."""

    patient: ExternalId
    channel: Literal["email", "sms", "call", "messenger", "push"]
    purpose: Literal["service", "marketing"]
    granted: Flag
    text_version: text(40) = ""  # type: ignore[valid-type]
    source: text(120) = ""  # type: ignore[valid-type]
    proof: text(200) = ""  # type: ignore[valid-type]
    at: Moment


class PackageItem(Item):
    """Sessions of a service paid in advance. Used ones are not posted: they are counted from completed visits."""

    external_id: ExternalId
    patient: ExternalId
    service: Reference = None
    name: text(300) = ""  # type: ignore[valid-type]
    sessions: count(1, 10_000)  # type: ignore[valid-type]
    bought_on: RequiredDay
    expires_on: Day = None
    updated_at: OptionalMoment = None


class SlotItem(Item):
    """How many appointments a branch, or one doctor of it, can still take on a day. Of a day that has both, the rows
    without a doctor count."""

    external_id: ExternalId
    branch: ExternalId
    doctor: Reference = None
    day: RequiredDay
    free: count(0, 100_000)  # type: ignore[valid-type]
    total: number(0, 100_000) = None  # type: ignore[valid-type]
    updated_at: OptionalMoment = None

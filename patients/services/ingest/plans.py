"""How the items of each resource become rows: what is staged, what is looked up, what is written.

In the SQL below `s` is the staged item; `%(source)s` and `%(zone)s` are the source and the time zone of the clinic.
Times are staged as posted, because one without an offset means the clock on the branch's wall.
"""

from dataclasses import dataclass

from patients.models.intake import Resource


@dataclass(frozen=True)
class Plan:
    """`columns`: column of the table -> expression over `s` and the joined rows.

    `references`: staged field -> table in which an unknown identifier becomes a stub. `names`: staged field -> table
    of names, created on demand. `carried`: staged columns that are written
    along, but alone are no change. `flag`: what the caller wants to know of a written row (`old` and `new`).
    """

    table: str
    stage: dict[str, str]
    columns: dict[str, str]
    joins: str = ""
    references: tuple[tuple[str, str], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    stub: bool = False
    soft: bool = False
    carried: tuple[str, ...] = ()
    flag: str = "false"

    @property
    def staged(self) -> dict[str, str]:
        return {"external_id": "text", "sent_at": "timestamptz", "stamped": "boolean", **self.stage}


# What a stub is written with, beside source, external_id and stub.
STUBS = {
    "patients_branch": "name, city, timezone",
    "patients_doctor": "name, specialty",
    "patients_service": "name",
    "patients_patient": "",
}
STUB_VALUES = {
    "patients_branch": "u.external_id, '', %(zone)s",
    "patients_doctor": "u.external_id, ''",
    "patients_service": "u.external_id",
    "patients_patient": "",
}


def _lookup(table: str, alias: str, field: str) -> str:
    return f"LEFT JOIN {table} {alias} ON {alias}.source_id = %(source)s AND {alias}.external_id = s.{field}\n"


def _moment(field: str, zone: str) -> str:
    return (
        f"CASE WHEN right(s.{field}, 1) = 'Z' OR substr(right(s.{field}, 6), 1, 1) IN ('+', '-')"
        f" OR substr(right(s.{field}, 5), 1, 1) IN ('+', '-') THEN s.{field}::timestamptz ELSE"
        f" s.{field}::timestamp AT TIME ZONE {zone} END"
    )


def _said(*fields: str) -> dict[str, str]:
    """Columns that take a staged text, empty when none was given."""
    return {field: f"coalesce(s.{field}, '')" for field in fields}


def _unless_unsaid(*fields: str) -> dict[str, str]:
    """Columns of services that keep their value when the item says nothing about them."""
    return {
        field: f"CASE WHEN '{field}' = ANY (string_to_array(s.unsaid, ',')) AND own.id IS NOT NULL"
        f" THEN own.{field} ELSE {value} END"
        for field in fields
        for value in (f"coalesce(s.{field}, '')" if field == "sex" else f"s.{field}",)
    }


def _same(*fields: str) -> dict[str, str]:
    return {field: f"s.{field}" for field in fields}


_PATIENT = _lookup("patients_patient", "p", "patient")
_BRANCH = _lookup("patients_branch", "b", "branch")
_DOCTOR = _lookup("patients_doctor", "d", "doctor")
_VISIT = _lookup("patients_visit", "v", "visit")
# The wall clock of a payment or feedback: the visit's branch, else the patient's home branch, else the clinic's.
_WALL = """LEFT JOIN patients_branch vb ON vb.id = v.branch_id
LEFT JOIN patients_branch pb ON pb.id = p.branch_id
"""
_WALL_ZONE = "coalesce(vb.timezone, pb.timezone, %(zone)s)"
# What is posted for a merged card belongs to the card that was kept.
_KEPT = "coalesce(p.merged_into_id, p.id)"


def _at(field: str, zone: str) -> str:
    return f"CROSS JOIN LATERAL (SELECT {_moment(field, zone)} AS at, {zone} AS zone) m\n"


MONEY = "numeric(12,2)"
PLANS: dict[str, Plan] = {
    Resource.BRANCHES: Plan(
        table="patients_branch",
        stage={"name": "text", "city": "text", "timezone": "text", "review_url": "text"},
        columns={
            **_same("name"),
            **_said("city"),
            "timezone": "coalesce(s.timezone, own.timezone, %(zone)s)",
            "review_url": "coalesce(s.review_url, own.review_url, '')",
        },
        joins=_lookup("patients_branch", "own", "external_id"),
        stub=True,
        flag="old.timezone <> new.timezone",
    ),
    Resource.DOCTORS: Plan(
        table="patients_doctor",
        stage={"name": "text", "specialty": "text", "branch": "text"},
        columns={**_same("name"), **_said("specialty"), "branch_id": "b.id"},
        joins=_BRANCH,
        references=(("branch", "patients_branch"),),
        stub=True,
    ),
    Resource.SERVICES: Plan(
        table="patients_service",
        stage={
            "name": "text", "group": "text", "price": MONEY, "cost": MONEY, "recall_days": "int",
            "sensitive": "boolean", "min_age": "smallint", "max_age": "smallint", "sex": "text", "unsaid": "text",
        },
        columns={
            **_same("name", "price"),
            **_unless_unsaid("cost", "recall_days", "sensitive", "min_age", "max_age", "sex"),
            "group_id": "g.id",
        },
        joins='LEFT JOIN patients_servicegroup g ON g.name = s."group"\n'
        + _lookup("patients_service", "own", "external_id"),
        names=(("group", "patients_servicegroup"),),
        stub=True,
    ),
    Resource.PATIENTS: Plan(
        table="patients_patient",
        stage={
            "last_name": "text", "first_name": "text", "middle_name": "text", "sex": "text", "birth_date": "date",
            "phone": "text", "email": "text", "city": "text", "branch": "text", "channel": "text",
            "registered_at": "text", "guardian": "text", "referred_by": "text", "language": "text",
        },
        columns={
            **_said("last_name", "first_name", "middle_name", "sex", "phone", "email", "city", "language"),
            "birth_date": "s.birth_date",
            "branch_id": "b.id",
            "channel_id": "c.id",
            "registered_at": _moment("registered_at", "coalesce(b.timezone, %(zone)s)"),
            "guardian_id": "g.id",
            "referred_by_id": "r.id",
        },
        joins=_BRANCH
        + "LEFT JOIN patients_acquisitionchannel c ON c.name = s.channel\n"
        + _lookup("patients_patient", "g", "guardian")
        + _lookup("patients_patient", "r", "referred_by"),
        references=(
            ("branch", "patients_branch"),
            ("guardian", "patients_patient"),
            ("referred_by", "patients_patient"),
        ),
        names=(("channel", "patients_acquisitionchannel"),),
        stub=True,
        soft=True,
    ),
    Resource.VISITS: Plan(
        table="patients_visit",
        stage={
            "patient": "text", "branch": "text", "doctor": "text", "starts_at": "text", "status": "text",
            "return_due_on": "date", "promo_code": "text", "amount": MONEY, "discount": MONEY, "cost": MONEY,
            "fingerprint": "bigint", "posted_hash": "bigint",
        },
        columns={
            "patient_id": _KEPT,
            "branch_id": "b.id",
            "doctor_id": "d.id",
            "starts_at": "m.at",
            "starts_on": "(m.at AT TIME ZONE m.zone)::date",
            **_same("status", "return_due_on", "amount", "discount", "cost", "fingerprint"),
            **_said("promo_code"),
        },
        joins=_PATIENT + _BRANCH + _DOCTOR + _at("starts_at", "coalesce(b.timezone, %(zone)s)"),
        references=(
            ("branch", "patients_branch"),
            ("doctor", "patients_doctor"),
            ("patient", "patients_patient"),
        ),
        soft=True,
        carried=("posted_hash",),
        flag="old.fingerprint IS DISTINCT FROM new.fingerprint",
    ),
    Resource.PAYMENTS: Plan(
        table="patients_payment",
        stage={"patient": "text", "visit": "text", "paid_at": "text", "amount": MONEY, "kind": "text"},
        columns={
            "patient_id": _KEPT,
            "visit_id": "v.id",
            "paid_at": "m.at",
            "paid_on": "(m.at AT TIME ZONE m.zone)::date",
            **_same("amount", "kind"),
            "implied": "false",
        },
        joins=_PATIENT + _VISIT + _WALL + _at("paid_at", _WALL_ZONE),
        references=(("patient", "patients_patient"),),
        soft=True,
    ),
    Resource.FEEDBACK: Plan(
        table="patients_feedback",
        stage={
            "patient": "text", "visit": "text", "score": "smallint", "comment": "text", "complaint": "boolean",
            "given_at": "text",
        },
        columns={
            "patient_id": _KEPT,
            "visit_id": "v.id",
            **_same("score", "complaint"),
            **_said("comment"),
            "given_at": "m.at",
        },
        joins=_PATIENT + _VISIT + _WALL + _at("given_at", _WALL_ZONE),
        references=(("patient", "patients_patient"),),
    ),
    Resource.PACKAGES: Plan(
        table="patients_package",
        stage={
            "patient": "text", "service": "text", "name": "text", "sessions": "int", "bought_on": "date",
            "expires_on": "date",
        },
        columns={
            "patient_id": _KEPT,
            "service_id": "sv.id",
            **_said("name"),
            **_same("sessions", "bought_on", "expires_on"),
        },
        joins=_PATIENT + _lookup("patients_service", "sv", "service"),
        references=(("patient", "patients_patient"), ("service", "patients_service")),
        soft=True,
    ),
    Resource.SLOTS: Plan(
        table="patients_slot",
        stage={"branch": "text", "doctor": "text", "day": "date", "free": "int", "total": "int"},
        columns={"branch_id": "b.id", "doctor_id": "d.id", **_same("day", "free", "total")},
        joins=_BRANCH + _DOCTOR,
        references=(("branch", "patients_branch"), ("doctor", "patients_doctor")),
    ),
}  # fmt: skip

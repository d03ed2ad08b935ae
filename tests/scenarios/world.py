"""What a MIS has posted, row by row: the truth the portal is compared with."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

HERE, THERE = "taganka", "sokol"


@dataclass
class World:
    """The rows as they are posted."""

    today: dt.date
    usual: str = ""  # the service of a visit, unless told
    patients: list[dict[str, Any]] = field(default_factory=list)
    visits: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)

    def patient(self, branch: str = HERE, *, email: bool = True, channels: tuple[str, ...] = ("email",)) -> str:
        number = len(self.patients)
        key = f"P{number}"
        self.patients.append({
            "external_id": key, "last_name": f"Иванова{number}", "first_name": "Анна", "sex": "female",
            "birth_date": "1988-04-02", "branch": branch, "phone": f"+7916{1000 + number:07d}",
            "email": f"p{number}@example.org" if email else "",
        })  # fmt: skip
        for channel in channels:
            self.consents.append({
                "patient": key, "channel": channel, "purpose": "marketing", "granted": True, "text_version": "1",
                "source": "анкета", "at": "2024-01-10T10:00:00+03:00",
            })  # fmt: skip
        return key

    def visit(
        self, patient: str, day: dt.date, service: str = "", status: str = "completed", branch: str = HERE
    ) -> dict[str, Any]:
        """Returned as it stands in `visits`: post it again when it has changed."""
        item = {"service": service or self.usual, "quantity": 1, "price": "6900.00", "discount": "0", "cost": "2300.00"}
        row = {
            "external_id": f"V{len(self.visits)}", "patient": patient, "branch": branch,
            "starts_at": f"{day.isoformat()}T12:00:00+03:00", "status": status,
            "items": [item],
        }  # fmt: skip
        self.visits.append(row)
        return row

    def starts(self, visit: dict[str, Any]) -> dt.date:
        return dt.date.fromisoformat(visit["starts_at"][:10])

"""Sources and clients for the tests of ingest."""

from typing import Any

import orjson
from django.test import Client

from patients.models import Integration
from patients.services.ingest import IngestReport, ingest
from patients.services.integrations import create_integration


class Mis:
    """A source that posts over HTTP, as a MIS would."""

    def __init__(self, code: str = "mis", scopes: tuple[str, ...] = ("ingest", "read"), **options: Any) -> None:
        self.source, self.token = create_integration(code, scopes, **options)
        self.client = Client(headers={"Authorization": f"Token {self.token}"})

    def bulk(self, resource: str, *items: Any) -> Any:
        answer = self.client.post(
            f"/api/v1/{resource}/bulk", orjson.dumps({"items": items}), content_type="application/json"
        )
        assert answer.status_code == 200, answer.content
        return answer.json()

    def put(self, resource: str, external_id: str, item: Any) -> Any:
        return self.client.put(f"/api/v1/{resource}/{external_id}", orjson.dumps(item), content_type="application/json")

    def delete(self, resource: str, external_id: str) -> Any:
        return self.client.delete(f"/api/v1/{resource}/{external_id}")


def visit(external_id: str = "v1", **fields: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "patient": "p1",
        "branch": "b1",
        "doctor": "d1",
        "starts_at": "2026-03-01T10:30:00+03:00",
        "status": "completed",
        "items": [
            {"service": "s1", "quantity": 2, "price": 1000, "discount": 100, "cost": 300},
            {"service": "s2", "price": 500.5},
        ],
        **fields,
    }


def take(source: Integration, resource: str, *items: Any) -> IngestReport:
    return ingest(source, resource, items)


def counts(report: Any) -> tuple[int, int, int, int]:
    """(created, updated, unchanged, rejected) of a report or of its JSON."""
    data = report.as_dict() if isinstance(report, IngestReport) else report
    return data["created"], data["updated"], data["unchanged"], len(data["rejected"])

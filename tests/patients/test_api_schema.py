"""The OpenAPI document: no warnings, and its examples work when pasted."""

import orjson
import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from campaigns.models import VisitRequest
from patients.models import Visit
from tests.patients.ingesting import Mis

ORDER = [
    "branches",
    "doctors",
    "services",
    "patients",
    "visits",
    "payments",
    "feedback",
    "consents",
    "packages",
    "slots",
]


def test_the_schema_has_no_warnings(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


@pytest.mark.django_db
def test_every_example_of_the_schema_works_when_pasted():
    mis = Mis()
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    posted = 0
    for path in sorted(paths, key=lambda p: ORDER.index(p.split("/")[3]) if p.split("/")[3] in ORDER else 99):
        for method, operation in paths[path].items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                call = getattr(mis.client, method)
                answered = str(wish(mis)) if "{id}" in path else ""
                answer = call(
                    path.replace("{external_id}", "pasted").replace("{id}", answered), orjson.dumps(example["value"]),
                    content_type="application/json",
                )  # fmt: skip
                assert answer.status_code in {200, 201}, (path, answer.content)
                assert not answer.json().get("rejected"), path
                assert "warnings" not in answer.json(), path
                posted += 1
    assert posted >= 20


def wish(mis: Mis) -> int:
    """Of a patient, about an appointment that was pasted."""
    visit = Visit.objects.filter(source=mis.source).first()
    return VisitRequest.objects.create(
        visit=visit, patient=visit.patient, kind="move", starts_at=visit.starts_at, at=visit.starts_at
    ).pk


@pytest.mark.django_db
def test_the_docs_open_offline_without_inline_scripts():
    page = Client().get("/api/v1/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "<script>" not in text
    assert "http://" not in text.replace("http://testserver", "")
    assert "https://" not in text
    script = Client().get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert Client().get("/api/v1/schema/").status_code == 200

"""The kind of segmentation that CONTRIBUTING.md shows works as it stands there."""

import re
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings

from segmentation.kinds import KINDS, Kind
from segmentation.models import Segmentation
from segmentation.services.preview import preview
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, D, night, segment, story

pytestmark = pytest.mark.django_db
FIRST = D(2026, 3, 1)


def shown_kind() -> Kind:
    text = (Path(settings.BASE_DIR) / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, Any] = {"__name__": "spenders"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    kind: Kind = names["Spenders"]()
    return kind


def test_the_shown_kind_lives_through_nights() -> None:
    kind = shown_kind()
    clinic = Clinic()
    patients = []
    for number in range(1, 11):
        patient = clinic.patient()
        clinic.visit(patient, FIRST - number * DAY)
        clinic.payment(patient, FIRST - number * DAY, 1000 * number)
        patients.append(patient)
    lead = clinic.patient()
    with mock.patch.dict(KINDS, {kind.code: kind}):
        segmentation = Segmentation.objects.create(code="spenders", kind="spenders", name="Кто сколько платит")
        night(FIRST)
        assert [segment(patient, "spenders") for patient in patients] == ["small"] * 8 + ["big"] * 2
        assert segment(lead, "spenders") is None

        clinic.payment(patients[7], FIRST + DAY, 500)  # 8 500 ₽: above the border of 8 000, not clearly
        clinic.payment(patients[0], FIRST + DAY, 9000)  # 10 000 ₽: clearly
        night(FIRST + DAY)
        assert segment(patients[7], "spenders") == "small"
        assert story(patients[0], "spenders")[-1] == ("big", "small", FIRST + DAY, None, {"paid": 10_000})

        result = preview(segmentation, {"big_percent": 50})
        assert result is not None
        assert result.after["big"] == 5
        assert kind.describe({}).endswith(".")

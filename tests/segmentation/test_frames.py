"""Rows to frames and back."""

import datetime

import numpy as np
import pandas as pd
import pytest
from django.db import connection

from segmentation import frames
from segmentation.services import metrics
from tests.segmentation.clinic import Clinic

pytestmark = pytest.mark.django_db
AS_OF = datetime.date(2026, 6, 30)


def test_metrics_come_as_numbers_sorted_by_patient() -> None:
    clinic = Clinic()
    lead, patient = clinic.patient(), clinic.patient()
    service = clinic.service(recall_days=30)
    for month in (1, 3, 6):
        clinic.visit(patient, datetime.date(2026, month, 1), [(service, 1000, 100)])
    clinic.payment(patient, datetime.date(2026, 6, 1), 900)
    metrics.refresh(AS_OF, full=True, previous=None)
    frame = frames.load_metrics(AS_OF)
    assert frame["patient"].tolist() == [lead.pk, patient.pk]
    assert frame["patient"].dtype == np.int64 and frame["visits"].dtype == np.int32
    assert frame.index.tolist() == [0, 1]
    assert frame.attrs["as_of"] == frames.day_number(AS_OF) == 20634
    assert np.isnan(frame["last_visit_on"][0]) and frame["last_visit_on"][1] == 20634 - 29
    assert np.isnan(frame["average_bill"][0]) and frame["average_bill"][1] == 300
    assert frame["main_service_id"].tolist() == [0, service.pk]
    assert frame["due_on"][1] - frame["last_visit_on"][1] == 30
    assert frame["discount_share"][1] == pytest.approx(0.1)


def test_empty_base_gives_an_empty_frame_with_all_columns() -> None:
    frame = frames.load_metrics(AS_OF)
    assert len(frame) == 0 and {"patient", "money", "due_on", "last_nps"} <= set(frame.columns)


def test_frame_is_copied_with_empty_for_unknown_and_quoted_text() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE fresh_frame (n int, x float8, word text)")
    frame = pd.DataFrame({"word": ['a "quoted", word', None], "x": [1.5, np.nan], "n": [1, 2]})
    assert frames.copy_frame("fresh_frame", frame) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, x, word FROM fresh_frame ORDER BY n")
        assert cursor.fetchall() == [(1, 1.5, 'a "quoted", word'), (2, None, None)]
    assert frames.copy_frame("fresh_frame", frame.iloc[:0]) == 0

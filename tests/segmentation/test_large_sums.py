"""A confused source may post absurd sums; they are shown as they are and stop nobody's night."""

import datetime
from decimal import Decimal

import pytest

from segmentation.models import BaseTotal, Membership, Metrics, Score
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, night, segment

pytestmark = pytest.mark.django_db
TODAY = datetime.date(2026, 3, 2)
LARGEST = Decimal("9999999999.99")


def test_the_largest_amounts_a_hundred_times_over_stop_no_night():
    clinic = Clinic()
    service = clinic.service()
    rich, poor = clinic.patient(), clinic.patient()
    for patient in (rich, poor):
        for ago in (500, 3):
            clinic.visit(patient, TODAY - ago * DAY, [(service, 1000)])
    for ago in range(120):
        clinic.visit(rich, TODAY - ago * DAY, [(service, 9_999_999_999, 0, 9_999_999_999)])
        clinic.payment(rich, TODAY - ago * DAY, LARGEST)
    night(TODAY - DAY)
    night(TODAY)
    metrics = Metrics.objects.get(patient=rich)
    assert metrics.money == metrics.money_365 == 120 * LARGEST
    assert Score.objects.get(patient=rich).ltv >= metrics.money
    assert BaseTotal.objects.get(as_of=TODAY).money_365 == 120 * LARGEST
    assert segment(poor, "lifecycle") == "active"
    assert Membership.objects.filter(patient=rich, left_on=None).count() == 4

"""The step "forecasts" on the database: who gets a row, when it is written again, what is forgotten."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from django.db import transaction
from django.utils import timezone

from patients import demo
from patients.models import AcquisitionChannel, Patient
from segmentation.frames import day_number
from segmentation.models import BaseTotal, Calibration, Forecast, LtvFit, Membership, Metrics, SegmentTotal
from segmentation.services import forecasts, metrics
from segmentation.services.defaults import ensure_defaults
from segmentation.services.forecasts.predicting import predict
from segmentation.services.night import Night
from segmentation.services.rewind import rewind
from tests.segmentation.clinic import Clinic
from tests.segmentation.nights import DAY, night, rows

AS_OF = dt.date(2026, 3, 2)
pytestmark = pytest.mark.django_db


def forecast(as_of: dt.date, previous: dt.date | None = None) -> int:
    """The two steps that concern us, as the night takes them; returns how many forecasts were written."""
    with transaction.atomic():
        metrics.refresh(as_of, full=previous is None, previous=previous)
        return forecasts.refresh(Night(as_of=as_of, previous=previous))


def written() -> list[tuple[object, ...]]:
    return rows(Forecast)


def test_a_week_of_forecasts() -> None:
    """Everybody is predicted on the day of a fit; in between those for whom something happens; rewound is forgotten."""
    demo.seed(patients=700, years=3, seed=4, as_of=AS_OF)
    came = Patient.objects.filter(visits__status="completed", visits__starts_on__lte=AS_OF).distinct()
    assert forecast(AS_OF) == came.count() == Forecast.objects.filter(as_of=AS_OF).count() > 400
    fit = LtvFit.objects.get()
    assert (fit.as_of, fit.visits_method, fit.money_method) == (AS_OF, "ml", "ml")
    assert fit.repeaters < fit.customers == came.count() >= fit.payers
    assert 0.9 < (fit.bill_level or 0) < 1.2
    # Of who came on one day nobody can say whether they are still there; of everybody else the model does.
    told = Forecast.objects.exclude(p_alive=None).values("patient_id")
    assert (
        set(Metrics.objects.filter(visit_days__gt=1).values_list("patient_id", flat=True))
        == {row["patient_id"] for row in told}
        != set(came.values_list("pk", flat=True))
    )
    first, calibration = written(), rows(Calibration)

    # The same night again finds nothing to write; a row that is missing is found.
    assert forecast(AS_OF, AS_OF) == 0
    lost = Forecast.objects.order_by("-money_12m")[0]
    Forecast.objects.filter(pk=lost.pk).delete()
    assert forecast(AS_OF, AS_OF) == 1
    assert written() == first and rows(Calibration) == calibration
    # The day after: visits of that day, an appointment that passed, a patient who was deleted.
    clinic, morrow = Clinic(), AS_OF + DAY
    back = Patient.objects.get(pk=lost.patient_id)
    clinic.visit(back, morrow)
    clinic.payment(back, morrow, 100_000)
    gone = came.exclude(pk=back.pk).order_by("pk")[0]
    Patient.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    count = forecast(morrow, AS_OF)
    assert LtvFit.objects.get() == fit
    changed = set(Metrics.objects.filter(as_of=morrow, visit_days__gt=0).values_list("patient_id", flat=True))
    assert set(Forecast.objects.filter(as_of=morrow).values_list("patient_id", flat=True)) == changed
    assert back.pk in changed and count == len(changed) + 1 < 150
    assert not Forecast.objects.filter(patient_id=gone.pk).exists()
    fresh = Forecast.objects.get(patient=back)
    assert lost.p_alive and fresh.p_alive and (fresh.p_alive > lost.p_alive or lost.p_alive > 0.9)
    assert float(fresh.money_12m or 0) == pytest.approx(float(fresh.bill or 0) * fresh.visits_12m, abs=0.2)

    # Six days later the fit still holds, on the seventh day there is a new one, for everybody.
    forecast(AS_OF + 6 * DAY, morrow)
    assert LtvFit.objects.count() == 1
    forecast(AS_OF + 7 * DAY, AS_OF + 6 * DAY)
    assert LtvFit.objects.count() == 2
    assert set(Forecast.objects.values_list("as_of", flat=True)) == {AS_OF + 7 * DAY}
    assert Calibration.objects.count() == 1

    # Rewound: what was made since is gone, and lived through again everybody has the forecast of the fit in force.
    rewind(AS_OF + 7 * DAY)
    assert [one.as_of for one in LtvFit.objects.all()] == [AS_OF] and not Forecast.objects.exists()
    forecast(AS_OF + 6 * DAY)
    assert Forecast.objects.count() == Metrics.objects.filter(visit_days__gt=0).count()
    assert Forecast.objects.filter(as_of=AS_OF).count() > 300


def test_a_night_gone_back_to_forecasts_from_what_is_known_now() -> None:
    """Facts that came late, of the very day of a forecast; and no row is of a day to come."""
    demo.seed(patients=400, years=2, seed=4, as_of=AS_OF)
    paid, booked = Patient.objects.filter(metrics=None, visits__status="completed").distinct().order_by("pk")[:2]
    clinic, days = Clinic(), [AS_OF + number * DAY for number in range(4)]
    clinic.payment(paid, days[1], 1000)
    for day in days:
        if day == days[3]:
            clinic.visit(booked, AS_OF + 60 * DAY, status="booked")
        night(day)
    before = Forecast.objects.get(pk=paid.pk)
    assert before.as_of == Metrics.objects.get(pk=paid.pk).as_of == days[1]
    assert Metrics.objects.get(pk=booked.pk).as_of == days[3]

    clinic.payment(paid, days[1], 500_000)
    night(days[2], allow_rewind=True)
    after = Forecast.objects.get(pk=paid.pk)
    assert (after.bill or 0) > 2 * (before.bill or 0)
    assert not Metrics.objects.filter(as_of__gt=days[2]).exists()
    assert not Forecast.objects.filter(as_of__gt=days[2]).exists()


def test_a_forecast_does_not_depend_on_who_is_computed_with_it() -> None:
    rng, today = np.random.default_rng(1), day_number(AS_OF)
    first = today - rng.integers(1, 1500, 4000)
    days = rng.integers(1, 4, 4000).astype(float)
    known = pd.DataFrame({
        "patient_id": np.arange(4000), "first_visit_on": first.astype(float), "visit_days": days,
        "last_visit_on": np.where(days > 1, first + (today - first) // 2, first).astype(float), "money": days * 1000,
        "next_visit_on": np.nan, "due_on": np.nan,
    })  # fmt: skip
    fit = LtvFit(
        visits_params={"r": 0.24, "alpha": 4.41, "a": 0.79, "b": 2.43},
        money_params={"p": 6.25, "q": 3.74, "gamma": 1500.0}, bill_level=1.1,
    )  # fmt: skip
    together = predict(fit, known, np.full(4000, float(today)))
    alone = pd.concat([predict(fit, known[n : n + 8], np.full(8, float(today))) for n in range(0, 4000, 8)])
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True), check_exact=True)


def test_calibration_of_the_demo_clinic_holds() -> None:
    """Half a year told beforehand: visits and money within a fifth, the best tenth by far the best."""
    demo.seed(patients=1500, years=4, seed=7, as_of=AS_OF)
    forecast(AS_OF)
    found = Calibration.objects.get()
    assert (found.as_of, found.split_on, found.method) == (AS_OF, AS_OF - 182 * DAY, "ml")
    assert found.expected_visits == pytest.approx(found.actual_visits, rel=0.2)
    assert float(found.expected_money or 0) == pytest.approx(float(found.actual_money), rel=0.2)
    assert (found.correlation or 0) > 0.65
    deciles, by_visits, weeks = (found.figures[name] for name in ("deciles", "by_visits", "by_week"))
    assert [row["decile"] for row in deciles] == list(range(1, 11))
    for table, expected, actual in ((deciles, "expected_visits", "actual_visits"), (by_visits, "expected", "actual")):
        assert sum(row["patients"] for row in table) == found.customers
        assert sum(row[actual] for row in table) == found.actual_visits
        assert sum(row[expected] for row in table) == pytest.approx(found.expected_visits)
    assert deciles[9]["actual_visits"] > 0.3 * found.actual_visits > 10 * deciles[0]["actual_visits"]
    assert all(row["low"] <= row["actual_visits"] <= row["high"] for row in deciles)
    assert sum(row["actual_money"] for row in deciles) == pytest.approx(float(found.actual_money), abs=1)
    channels = found.figures["by_channel"]
    for name, whole in (("patients", found.customers), ("actual_visits", found.actual_visits)):
        assert sum(row[name] for row in channels) == whole
    assert sum(row["expected_money"] for row in channels) == pytest.approx(float(found.expected_money or 0), abs=1)
    assert all(row["money_low"] <= row["actual_money"] <= row["money_high"] for row in channels)
    coupons = AcquisitionChannel.objects.get(name="Купонный сервис")
    (theirs,) = (row for row in channels if row["channel"] == coupons.pk)
    assert theirs["expected_visits"] > theirs["high"]  # the model does not know that they come once
    assert [row["week"] for row in weeks] == list(range(1, 27))
    assert weeks[-1]["actual"] == found.actual_visits and weeks[0]["actual"] > 0
    assert weeks[-1]["expected"] == pytest.approx(found.expected_visits)


def test_a_clinic_too_young_to_be_modelled_gets_no_number() -> None:
    ensure_defaults()
    clinic = Clinic()
    for number in range(5):
        patient = clinic.patient()
        clinic.visit(patient, AS_OF - number * DAY)
        clinic.payment(patient, AS_OF, 1000)
    night(AS_OF)
    fit = LtvFit.objects.get()
    assert fit.visits_method == "formula" and fit.visits_reason
    assert not Forecast.objects.exists()
    assert BaseTotal.objects.get().forecast_12m is None
    assert set(SegmentTotal.objects.values_list("forecast_12m", flat=True)) == {None}
    assert not Membership.objects.filter(segmentation__code="value_falling").exists()
    calibration = Calibration.objects.get()
    assert (calibration.method, calibration.reason) == ("formula", "too_short")
    assert calibration.expected_visits is None and calibration.figures == {}

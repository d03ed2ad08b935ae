"""Every number of several nights over a demo clinic, recomputed from raw rows by a second reading of the docs."""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Q

from patients.models import Feedback, Patient, Payment, Service, Visit
from segmentation.models import BaseTotal, Forecast, Membership, Metrics, RfmCell, Score, SegmentTotal, ServiceRhythm
from tests.scenarios.recomputed_metrics import CLINIC, DAY, Facts, rhythms_of
from tests.scenarios.recomputed_segments import Clinic, Conclusion
from tests.segmentation.nights import night

pytestmark = pytest.mark.django_db
AS_OF = dt.date(2026, 3, 2)
# A first fit, a refit after 31 days, borders and forecasts kept after 3 more, a refit after 37 more.
NIGHTS = [AS_OF - n * DAY for n in (71, 40, 37, 0)]
CENT = Decimal("0.01")


def test_every_number_of_every_night_is_what_the_docs_say() -> None:
    call_command("seed_demo", patients=600, years=3, seed=11, as_of=AS_OF, verbosity=0)
    # What is done in a rhythm, and what nobody is recalled for: how soon the clinic has not said.
    Service.objects.filter(external_id__in=["S08", "S20", "S31", "S39", "S50", "S61", "S71"]).update(recall_days=None)
    chance, clinic = random.Random(5), Clinic()
    before: dict[int, Conclusion] = {}
    for number, as_of in enumerate(NIGHTS):
        disturb(chance, as_of, merge=number != 2)
        night(as_of)
        facts = Facts()
        metrics, found = clinic.night(facts, as_of)
        assert len(found) > 300 and len({c.segments["rfm"] for c in found.values()}) >= 8
        assert len({days for service in facts.learned for days in days_until_due(facts, service)}) > 8
        differences = [
            *metrics_differ(facts, metrics, as_of), *scores_differ(found, before, as_of), *memberships_differ(clinic),
            *forecasts_differ(clinic), *causes_differ(clinic, as_of),
            *totals_differ(clinic, metrics, found, before, as_of), *base_differs(clinic, facts, metrics, found, as_of),
        ]  # fmt: skip
        assert not differences, f"{as_of}: {len(differences)} differences\n" + "\n".join(differences[:20])
        before = found
        kept = {row["as_of"] for row in clinic.expected.values()} - {as_of}
        assert kept == ({NIGHTS[1]} if number == 2 else set())
    falls = Membership.objects.filter(segment__code="falling")
    assert falls.filter(left_on=None).count() > 10 and falls.filter(came_from__code="steady").exists()


def disturb(chance: random.Random, as_of: dt.date, *, merge: bool) -> None:
    """What happens between nights: deleted, merged, moved, withdrawn, refunded, said at midnight, asked by doctors."""
    single = Patient.objects.filter(deleted_at=None, merged_into=None, merged=None, visits__status="completed")
    people = chance.sample(list(single.distinct().order_by("pk")), 40)
    now = dt.datetime.combine(as_of, dt.time(12), CLINIC)
    Patient.objects.filter(pk__in=[p.pk for p in people[:3]]).update(deleted_at=now)
    if merge:
        for card, kept in zip(people[3:6], people[6:9], strict=True):
            Patient.objects.filter(pk=card.pk).update(merged_into=kept)
    for giver, taker in zip(people[9:12], people[12:15], strict=True):
        Visit.objects.filter(patient=giver).update(patient=taker)
    for person in people[15:18]:
        withdrawn = Visit.objects.filter(patient=person).order_by("pk")[:1]
        Visit.objects.filter(pk__in=list(withdrawn.values_list("pk", flat=True))).update(deleted_at=now)
    for n, person in enumerate(people[18:22]):
        Payment.objects.create(
            source=person.source, external_id=f"r{as_of}{n}", patient=person, kind="refund", amount="123456.78",
            paid_at=now, paid_on=as_of,
        )  # fmt: skip
    for n, person in enumerate(people[22:30]):
        # Around midnight at the clinic; in Novosibirsk it is morning.
        at = dt.datetime.combine(as_of + DAY, dt.time(0), CLINIC) + chance.choice([-1, 0, 1]) * dt.timedelta(seconds=1)
        for score in (chance.randrange(11), chance.randrange(11), None):
            Feedback.objects.create(
                source=person.source, external_id=f"f{as_of}{n}{score}{chance.random()}"[:64], patient=person,
                score=score, given_at=at, complaint=chance.random() < 0.5,
            )  # fmt: skip
    for person in people[30:40]:
        for visit in person.visits.filter(status="completed").order_by("-starts_at")[:3]:
            Visit.objects.filter(pk=visit.pk).update(
                return_due_on=visit.starts_on + chance.choice([-5, 0, 1, 2, 7, 50, 99, 100, 400]) * DAY
            )
    service = chance.choice(list(Service.objects.order_by("pk")))
    Service.objects.filter(pk=service.pk).update(recall_days=chance.choice([None, 0, 45, 200, 99_999]))


def days_until_due(facts: Facts, service: int) -> set[int]:
    """The learned intervals that count for somebody."""
    rows = ServiceRhythm.objects.filter(service=service, due_on__isnull=False, service__recall_days=None)
    return {(row.due_on - row.last_on).days for row in rows if row.due_on}


def differs(one: Any, other: Any) -> bool:
    if isinstance(other, set):
        return one not in other
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) > 1e-9 * max(1, abs(one))
    return bool(one != other)


def metrics_differ(facts: Facts, metrics: dict[int, Any], as_of: dt.date) -> list[str]:
    stored: dict[int, Any] = {row["patient_id"]: row for row in Metrics.objects.values()}
    found = [f"metrics of {pk} exist or not" for pk in stored.keys() ^ metrics.keys()]
    names = {field.attname for field in Metrics._meta.concrete_fields} - {"patient_id", "as_of"}
    assert all(row.keys() == names for row in metrics.values())
    found += [
        f"metrics of {pk}: {name} is {stored[pk][name]!r}, should be {row[name]!r}"
        for pk, row in metrics.items() if pk in stored
        for name in sorted(names) if differs(stored[pk][name], row[name])
    ]  # fmt: skip
    rhythms: dict[int, dict[int, Any]] = defaultdict(dict)
    rhythm: Any
    for rhythm in ServiceRhythm.objects.values():
        rhythms[rhythm["patient_id"]][rhythm["service_id"]] = rhythm
    for pk in metrics:
        expected = rhythms_of(facts, pk, as_of)
        found += [f"rhythms of {pk}: services {rhythms[pk].keys()}"] * (rhythms[pk].keys() != expected.keys())
        found += [
            f"rhythm {pk}/{service}: {name} is {rhythms[pk][service][name]!r}, should be {value!r}"
            for service, row in expected.items() if service in rhythms[pk]
            for name, value in row.items() if differs(rhythms[pk][service][name], value)
        ]  # fmt: skip
    return found + [f"rhythms of {pk}, who is gone" for pk in rhythms.keys() - metrics.keys()]


def scores_differ(found: dict[int, Conclusion], before: dict[int, Conclusion], as_of: dt.date) -> list[str]:
    stored = {row.patient_id: row for row in Score.objects.all()}
    wrong = [f"score of {pk} exists or not" for pk in stored.keys() ^ found.keys()]
    for pk, mine in found.items():
        row = stored.get(pk)
        if row is None:
            continue
        is_, should = (
            (row.r, row.f, row.m, row.profit_band or 0, row.lifecycle_reason, tuple(row.value_reasons)),
            (*mine.scores(), mine.lifecycle_reason, mine.value_reasons),
        )
        wrong += [f"score of {pk}: {is_}, should be {should}"] * (is_ != should)
        ltv = float(row.ltv) if row.ltv is not None else None
        wrong += [f"LTV of {pk}: {ltv}, should be {mine.ltv}"] * (
            (ltv is None) != (mine.ltv is None) or abs((ltv or 0) - (mine.ltv or 0)) > 0.011
        )
        moved = pk not in before or before[pk].scores() != mine.scores()
        wrong += [f"score of {pk}: changed on {row.changed_on}"] * (moved != (row.changed_on == as_of))
    return wrong


def memberships_differ(clinic: Clinic) -> list[str]:
    stored: dict[tuple[int, str], list[list[Any]]] = defaultdict(list)
    for row in Membership.objects.order_by("entered_on", "id").values_list(
        "patient_id", "segmentation__code", "segment__code", "came_from__code", "entered_on", "left_on", "money"
    ):
        stored[row[:2]].append(list(row[2:]))
    return [
        f"memberships of {key}: {stored.get(key)}, should be {clinic.stories.get(key)}"
        for key in stored.keys() | clinic.stories.keys() if stored.get(key) != clinic.stories.get(key)
    ]  # fmt: skip


def forecasts_differ(clinic: Clinic) -> list[str]:
    stored: dict[int, Any] = {row["patient_id"]: row for row in Forecast.objects.values()}
    expected = clinic.expected
    return [f"forecast of {pk} exists or not" for pk in stored.keys() ^ expected.keys()] + [
        f"forecast of {pk}: {name} is {stored[pk][name]!r}, should be {value!r}"
        for pk, row in expected.items() if pk in stored
        for name, value in row.items() if not close(stored[pk][name], value)
    ]  # fmt: skip


def close(one: Any, other: Any) -> bool:
    """Equal; numbers to a millionth, money to a kopeck more: a fit in another order may end in other digits."""
    if not isinstance(other, float):
        return bool(one == other)
    slack = 0.011 if isinstance(one, Decimal) else 1e-9
    return abs(float(one) - other) <= slack + 1e-6 * abs(other)


def expected_of(clinic: Clinic, patients: Iterable[int]) -> Decimal | None:
    sums = [Decimal(str(clinic.expected[pk]["money_12m"])) for pk in patients if pk in clinic.expected]
    return sum(sums, Decimal(0)) if sums else None


def about(one: Decimal | None, other: Decimal | None) -> bool:
    return one == other if one is None or other is None else close(one, float(other))


def causes_differ(clinic: Clinic, as_of: dt.date) -> list[str]:
    """Why somebody's value falls or holds again, of those who moved this night or began by falling."""
    moved = Membership.objects.filter(
        ~Q(came_from=None, segment__code="steady"), segmentation__code="value_falling", entered_on=as_of
    ).values_list("patient_id", "cause")
    return [
        f"cause of {pk}: {cause}, should be {clinic.last[pk].falling}"
        for pk, cause in moved if cause != clinic.last[pk].falling
    ]  # fmt: skip


def total(rows: list[Any], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def mean(values: list[float]) -> Decimal | None:
    return Decimal(str(sum(values) / len(values))) if values else None


def near(one: Decimal | None, other: Decimal | None) -> bool:
    return one == other if one is None or other is None else abs(one - other) <= 2 * CENT


def totals_differ(
    clinic: Clinic, metrics: dict[int, Any], found: dict[int, Conclusion], before: dict[int, Conclusion], as_of: dt.date
) -> list[str]:
    wrong = []
    for row in SegmentTotal.objects.filter(as_of=as_of).select_related("segment__segmentation"):
        division, code = row.segment.segmentation.code, row.segment.code
        now = {pk for pk, one in found.items() if one.segments[division] == code}
        was = {pk for pk, one in before.items() if one.segments[division] == code}
        inside = [metrics[pk] for pk in now]
        expected = (
            len(now), len(now - was), len(was - now),
            *(total(inside, name) for name in ("visits_365", "money", "money_365", "margin_365")),
        )  # fmt: skip
        is_ = (row.patients, row.entered, row.left, row.visits_365, row.money, row.money_365, row.margin_365)
        wrong += [f"total of {division}/{code}: {is_}, should be {expected}"] * (is_ != expected)
        forecast = expected_of(clinic, now)
        wrong += [f"forecast of {division}/{code}: {row.forecast_12m}, should be {forecast}"] * (
            not about(row.forecast_12m, forecast)
        )
        ltv = mean([found[pk].ltv for pk in now if found[pk].ltv is not None])  # type: ignore[misc]
        wrong += [f"mean LTV of {division}/{code}: {row.ltv}, should be {ltv}"] * (not near(row.ltv, ltv))
    cells: Counter[tuple[int, ...]] = Counter()
    money: Counter[tuple[int, ...]] = Counter()
    for pk, one in found.items():
        if one.r:
            cells[one.scores()[:3]] += 1
            money[one.scores()[:3]] += metrics[pk]["money_365"]
    stored = {(c.r, c.f, c.m): (c.patients, c.money_365) for c in RfmCell.objects.filter(as_of=as_of)}
    expected_cells = {cell: (count, money[cell]) for cell, count in cells.items()}
    return wrong + [f"cells: {stored}, should be {expected_cells}"] * (stored != expected_cells)


def base_differs(
    clinic: Clinic, facts: Facts, metrics: dict[int, Any], found: dict[int, Conclusion], as_of: dt.date
) -> list[str]:
    frame = [metrics[pk] for pk in found]
    since = as_of - 30 * DAY
    present = [pk for pk, person in facts.people.items() if not person.deleted_at]
    visits = [v for pk in present for v in facts.visits[pk] if v.status == "completed" and since < v.starts_on <= as_of]
    paid = [p for pk in present for p in facts.payments[pk] if since < p.paid_on <= as_of]
    answers = [
        row["last_nps"] for row in frame
        if row["last_nps"] is not None and (as_of - row["last_answer_on"]).days < 365
    ]  # fmt: skip
    end = dt.datetime.combine(as_of + DAY, dt.time(0), CLINIC)
    living = set(facts.living())
    reachable = {
        c.patient_id for c in facts.consents
        if c.purpose == "marketing" and c.granted and c.at < end and (c.until is None or c.until >= end)
        and c.patient_id in living
    }  # fmt: skip
    expected: dict[str, Any] = {
        "patients": len(frame),
        "visited": sum(row["visit_days"] > 0 for row in frame),
        "new_30": sum(row["visit_days"] > 0 and row["first_visit_on"] > since for row in frame),
        "lost": sum(one.segments["lifecycle"] == "lost" for one in found.values()),
        "with_appointment": sum(row["next_visit_on"] is not None for row in frame),
        "visits_30": len(visits),
        "money_30": sum((-p.amount if p.kind == "refund" else p.amount for p in paid), Decimal(0)),
        "visits_365": total(frame, "visits_365"),
        "money_365": total(frame, "money_365"),
        "nps_answers": len(answers),
        "reachable": len(reachable),
    }
    row = BaseTotal.objects.get(as_of=as_of)
    wrong = [
        f"base: {name} is {getattr(row, name)}, should be {value}"
        for name, value in expected.items() if getattr(row, name) != value
    ]  # fmt: skip
    nps = 100 * (sum(a >= 9 for a in answers) - sum(a <= 6 for a in answers)) / len(answers)
    wrong += [f"base: NPS {row.nps}, should be {nps}"] * (abs(row.nps - nps) > 1e-9)
    forecast = expected_of(clinic, found)
    wrong += [f"base: forecast {row.forecast_12m}, should be {forecast}"] * (not about(row.forecast_12m, forecast))
    ltv = mean([one.ltv for one in found.values() if one.ltv is not None])
    bill = expected["money_365"] / expected["visits_365"]
    return wrong + [
        f"base: {name} is {getattr(row, name)}, should be {value}"
        for name, value in (("ltv", ltv), ("average_bill", bill)) if not near(getattr(row, name), value)
    ]  # fmt: skip

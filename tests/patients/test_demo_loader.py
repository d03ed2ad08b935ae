"""The demo clinic in the database: rows as generated, tables as they were, all or nothing."""

import datetime
import hashlib

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.utils import translation

from patients import demo
from patients.demo import binary, catalogue, loader, tables
from patients.demo.bills import PACKAGE
from patients.demo.blocks import generate
from patients.demo.plan import MINUTE_US
from patients.demo.rows import COLUMNS
from patients.demo.visits import COMPLETED
from patients.models import (
    ChangedPatient,
    ChannelSpend,
    Consent,
    Feedback,
    Package,
    Patient,
    Payment,
    Service,
    Slot,
    Visit,
    VisitChange,
    VisitItem,
)
from patients.selectors.capacity import free_slots_sql
from patients.selectors.packages import sessions_sql

AS_OF = datetime.date(2026, 3, 2)

FACTS = (Patient, Visit, VisitItem, Payment, Feedback, Consent, Package, VisitChange)


def rows_of(table: str) -> str:
    """A digest of all generated columns of a table."""
    columns = ", ".join(COLUMNS[table].split())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY id")
        return hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()


def schema() -> list[tuple]:
    """Every constraint, index and trigger with its state."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) || convalidated
            FROM pg_constraint
            UNION ALL SELECT tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT tgrelid::regclass::text, tgname::text, tgenabled::text
            FROM pg_trigger WHERE NOT tgisinternal
            ORDER BY 1, 2, 3"""
        )
        return cursor.fetchall()


def only(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.fixture(scope="class")
def counts(django_db_setup, django_db_blocker):
    """One clinic for a class of tests; what a test changes is rolled back to here."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield demo.seed(patients=400, years=3, seed=7, as_of=AS_OF)
        transaction.set_rollback(True)


@pytest.mark.usefixtures("counts")
@pytest.mark.django_db
class TestSmallClinic:
    def test_all_rows_arrive_and_agree_with_each_other(self, counts):
        found = [model.objects.count() for model in FACTS]
        assert found == list(counts)
        assert counts.patients == 400 and counts.visits > 2_000
        wrong = Visit.objects.annotate(
            full=Sum(F("items__quantity") * F("items__price") - F("items__discount")), costs=Sum("items__cost")
        ).exclude(full=F("amount"), costs=F("cost"))
        assert not wrong.exists()

    def test_the_arrays_come_back_from_the_database(self):
        block = generate(demo.Plan(400, 3, 7, AS_OF), 0)
        patients = list(Patient.objects.order_by("id"))
        assert [patient.last_name.encode() for patient in patients] == list(block.people.last_name)
        assert [patient.email.encode() for patient in patients] == list(block.people.email)
        assert [(patient.guardian_id or 0) - 1 for patient in patients] == list(block.people.guardian)
        assert [p.sex == "male" for p in patients] == list(block.people.male)
        assert [(p.birth_date - datetime.date(2000, 1, 1)).days for p in patients] == list(block.people.birth)
        amounts = Visit.objects.order_by("id").values_list("amount", flat=True)
        assert [int(amount) for amount in amounts] == list(block.totals.amount)
        moments = Visit.objects.order_by("id").values_list("starts_at", flat=True)
        epoch = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
        minute = datetime.timedelta(minutes=1)
        assert [(m - epoch) // minute for m in moments] == list(block.visits.starts_at // MINUTE_US)
        codes = [catalogue.SERVICES[position].code for position in block.items.service]
        assert list(VisitItem.objects.order_by("id").values_list("service__external_id", flat=True)) == codes

    def test_days_are_those_of_the_branch(self):
        wrong_visits = """SELECT count(*) FROM patients_visit v JOIN patients_branch b ON b.id = v.branch_id
            WHERE (v.starts_at AT TIME ZONE b.timezone)::date <> v.starts_on"""
        wrong_payments = """SELECT count(*) FROM patients_payment p JOIN patients_visit v ON v.id = p.visit_id
            JOIN patients_branch b ON b.id = v.branch_id WHERE (p.paid_at AT TIME ZONE b.timezone)::date <> p.paid_on"""
        assert only(wrong_visits) == 0 and only(wrong_payments) == 0

    def test_the_night_is_left_no_list_of_changes_and_later_changes_are_listed(self):
        assert not ChangedPatient.objects.exists()
        patient = Patient.objects.first()
        patient.city = "Тверь"
        patient.save()
        assert set(ChangedPatient.objects.values_list("patient", flat=True)) == {patient.pk}

    def test_packages_are_used_up_by_their_courses(self):
        """Every completed visit of a course is a session of its package, the first one included."""
        block = generate(demo.Plan(400, 3, 7, AS_OF), 0)
        packages = Package.objects.filter(deleted_at__isnull=True).count()
        course = (block.threads.course > 0)[block.visits.thread] & (block.visits.status == COMPLETED)
        kept = np.flatnonzero(block.payments.kind == PACKAGE)
        paid = np.isin(block.visits.thread, block.visits.thread[block.payments.visit[kept]])
        used = only(f"SELECT count(*) FROM ({sessions_sql()}) AS used")
        withdrawn = len(kept) - packages
        assert len(kept) > 15
        assert 0 <= int((course & paid).sum()) - used <= 8 * withdrawn + 2  # two may lie after a year
        assert only(f"SELECT min(left_over) FROM ({sessions_sql()}) AS used") == 0
        assert Payment.objects.filter(kind="package").count() == len(kept)

    def test_what_became_of_appointments_ends_as_they_stand_now(self):
        latest = VisitChange.objects.order_by("visit", "-at").distinct("visit").select_related("visit")
        for change in latest:
            assert change.starts_at == change.visit.starts_at and change.patient_id == change.visit.patient_id
            assert change.status in {change.visit.status, "booked"}
        counted = dict(VisitChange.objects.values_list("status").annotate(n=Count("pk")))
        assert min(counted[status] for status in ("booked", "confirmed", "cancelled", "no_show")) >= 3
        assert not VisitChange.objects.filter(was_status=F("status"), was_starts_at=F("starts_at")).exists()
        assert VisitChange.objects.latest("at").at < datetime.datetime(2026, 3, 1, 21, tzinfo=datetime.UTC)

    def test_the_clinics_of_moscow_post_their_free_slots_and_the_other_is_estimated(self):
        assert set(Slot.objects.values_list("branch__external_id", flat=True)) == {"B1", "B2"}
        assert Slot.objects.filter(day__gte=AS_OF, day__lt=AS_OF + datetime.timedelta(days=14)).count() > 50
        asked = f"""SELECT b.id AS branch_id, d::date AS day, date '{AS_OF}' AS asked_on FROM patients_branch b,
            generate_series(date '{AS_OF}', date '{AS_OF}' + 6, '1 day') d"""
        sql = f"SELECT count(*) FILTER (WHERE free > 0) FROM ({free_slots_sql(asked)}) f WHERE {{}}posted"
        assert only(sql.format("")) >= 10 and only(sql.format("NOT ")) >= 2

    def test_ids_go_on_after_the_loaded_ones(self):
        source = Patient.objects.first().source
        assert Patient.objects.create(source=source, external_id="new").pk == 401

    def test_a_second_clinic_is_refused(self):
        with pytest.raises(demo.NotEmpty):
            demo.seed(patients=10, years=1, seed=1, as_of=AS_OF)
        with translation.override("en"), pytest.raises(CommandError, match="already has patients"):
            call_command("seed_demo", patients=10, verbosity=0)
        assert Patient.objects.count() == 400

    def test_money_was_spent_on_channels_in_every_month(self):
        assert not ChannelSpend.objects.filter(channel__name="Проходили мимо").exists()
        per_channel = ChannelSpend.objects.values("channel").annotate(months=Count("id"), total=Sum("amount"))
        assert {row["months"] for row in per_channel} == {37}  # March 2023 to March 2026
        assert all(row["total"] > 0 for row in per_channel)

    def test_sensitive_services_are_marked(self):
        assert not Service.objects.filter(group__name=catalogue.GYNAECOLOGY, sensitive=False).exists()
        assert Service.objects.filter(sensitive=True, group__name=catalogue.LABORATORY).count() >= 3


@pytest.mark.django_db
def test_a_large_load_gives_the_same_rows_and_leaves_the_tables_as_they_were(monkeypatch):
    before = schema()
    demo.seed(patients=300, years=2, seed=3, as_of=AS_OF)
    digests = {table: rows_of(table) for table in tables.FACT_TABLES}
    Patient.objects.all().delete()
    ChangedPatient.objects.all().delete()

    monkeypatch.setattr(loader, "STRIP_FROM", 1)
    demo.load(demo.Plan(300, 2, 3, AS_OF))
    assert {table: rows_of(table) for table in tables.FACT_TABLES} == digests
    assert schema() == before
    assert not ChangedPatient.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_load_that_dies_half_way_leaves_empty_tables_with_all_their_indexes(monkeypatch):
    before = schema()
    monkeypatch.setattr(loader, "STRIP_FROM", 1)

    def dies_at_the_second(plan, number):
        if number == 1:
            raise MemoryError("killed")
        return generate(plan, number)

    monkeypatch.setattr(loader, "generate", dies_at_the_second)
    with pytest.raises(MemoryError):
        demo.load(demo.Plan(300, 1, 3, AS_OF, block_size=100))
    assert schema() == before
    assert not Patient.objects.exists() and not Visit.objects.exists()
    monkeypatch.undo()
    assert demo.seed(patients=50, years=1, seed=3, as_of=AS_OF).patients == 50


@pytest.mark.django_db
def test_several_blocks_refer_to_their_own_patients():
    demo.load(demo.Plan(300, 2, 3, AS_OF, block_size=100))
    assert Patient.objects.filter(id__lte=100, guardian_id__gt=100).count() == 0
    assert only("SELECT count(*) FROM patients_payment p JOIN patients_visit v ON v.id = p.visit_id "
                "WHERE p.patient_id <> v.patient_id") == 0  # fmt: skip
    assert Visit.objects.filter(patient_id__gt=200).count() > 200
    assert Visit.objects.order_by("id").last().external_id == f"V{Visit.objects.count():08d}"


def test_the_command_says_what_is_wrong_with_its_arguments(db):
    with pytest.raises(CommandError, match="years"):
        call_command("seed_demo", patients=10, years=0, verbosity=0)


def test_every_kind_of_column_survives_binary_copy(db):
    numbers = np.array([0, 1, -1, 2**31 - 1])
    null = np.array([False, True, False, True])
    columns = [
        binary.integers(numbers * 4_000_000_000),
        binary.integers(numbers, 4, null=null),
        binary.integers(np.array([0, 1, -1, 32767]), 2),
        binary.flags(np.array([True, False, True, False])),
        binary.money(np.array([0, 7, 10_000, 99_999_999])),
        binary.texts(np.array([text.encode() for text in ("", "Ёж", "a", "Наталья")])),
        binary.words(np.array([b"no", b"perhaps"]), np.array([1, 0, 1, 1])),
        binary.numbered("P", np.array([0, 12, 999, 9_999]), 4),
        binary.integers(np.array([0, 1, -1, 9_557]), 4),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE kinds "
            "(a bigint, b int, c smallint, d bool, e numeric(12, 2), f text, g text, h text, i date)"
        )
        with cursor.copy("COPY kinds FROM STDIN (FORMAT binary)") as copy:
            copy.write(binary.HEADER + binary.rows(columns) + binary.TRAILER)
        cursor.execute("SELECT a, b, c, d, e::text, f, g, h, i::text FROM kinds")
        assert cursor.fetchall() == [
            (0, 0, 0, True, "0.00", "", "perhaps", "P0000", "2000-01-01"),
            (4_000_000_000, None, 1, False, "7.00", "Ёж", "no", "P0012", "2000-01-02"),
            (-4_000_000_000, -1, -1, True, "10000.00", "a", "perhaps", "P0999", "1999-12-31"),
            (
                (2**31 - 1) * 4_000_000_000,
                None,
                32767,
                False,
                "99999999.00",
                "Наталья",
                "perhaps",
                "P9999",
                "2026-03-02",
            ),
        ]

"""What has become of appointments is noted by the database; packages are facts whose patients have changed.

A statement trigger with transition tables: whoever updates visits (the API, a file, the admin, SQL by hand) leaves one
row per visit whose time or status is another one now, and none for all others. The join may not be a nested loop: the
plan is made once per session, perhaps for one row, and is used for ten thousand later.
"""

from django.db import migrations, models

NOTE = """
    CREATE FUNCTION patients_visit_changes_noted() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop TO off AS $$
    BEGIN
        INSERT INTO patients_visitchange (visit_id, patient_id, was_status, status, was_starts_at, starts_at)
        SELECT fresh.id, fresh.patient_id, stale.status, fresh.status, stale.starts_at, fresh.starts_at
        FROM stale JOIN fresh ON fresh.id = stale.id
        WHERE stale.status <> fresh.status OR stale.starts_at <> fresh.starts_at;
        RETURN NULL;
    END $$;
    CREATE TRIGGER patients_visit_changes_noted AFTER UPDATE ON patients_visit
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION patients_visit_changes_noted();
"""
FORGET = """
    DROP TRIGGER patients_visit_changes_noted ON patients_visit;
    DROP FUNCTION patients_visit_changes_noted();
"""
EVENTS = (
    ("insert", "NEW TABLE AS fresh", "SELECT DISTINCT patient_id FROM fresh"),
    ("delete", "OLD TABLE AS stale", "SELECT DISTINCT patient_id FROM stale"),
    (
        "update",
        "OLD TABLE AS stale NEW TABLE AS fresh",
        "SELECT patient_id FROM stale UNION SELECT patient_id FROM fresh",
    ),
)
PACKAGES = "".join(
    f"""
    CREATE FUNCTION patients_package_changed_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO patients_changedpatient (patient_id) {ids};
        RETURN NULL;
    END $$;
    CREATE TRIGGER patients_package_changed_on_{event} AFTER {event.upper()} ON patients_package
    REFERENCING {transitions} FOR EACH STATEMENT EXECUTE FUNCTION patients_package_changed_on_{event}();
    """
    for event, transitions, ids in EVENTS
)
NO_PACKAGES = "".join(
    f"DROP TRIGGER patients_package_changed_on_{event} ON patients_package;"
    f"DROP FUNCTION patients_package_changed_on_{event}();"
    for event, _transitions, _ids in EVENTS
)
RESOURCES = [
    ("branches", "branches"),
    ("doctors", "doctors"),
    ("services", "services"),
    ("patients", "patients"),
    ("visits", "visits"),
    ("payments", "payments"),
    ("feedback", "feedback"),
    ("consents", "consents"),
    ("packages", "packages"),
    ("slots", "free slots"),
]


class Migration(migrations.Migration):
    dependencies = [("patients", "0013_packages_slots_changes")]
    operations = [
        migrations.RunSQL(NOTE, FORGET),
        migrations.RunSQL(PACKAGES, NO_PACKAGES),
        migrations.AlterField(
            model_name="ingestbatch",
            name="resource",
            field=models.CharField(choices=RESOURCES, max_length=10, verbose_name="resource"),
        ),
        # How full the days of a branch are is counted without touching the table.
        migrations.RemoveIndex(model_name="visit", name="visit_by_day"),
        migrations.AddIndex(
            model_name="visit",
            index=models.Index(
                fields=["starts_on", "status"], include=["patient", "branch", "deleted_at"], name="visit_by_day"
            ),
        ),
    ]

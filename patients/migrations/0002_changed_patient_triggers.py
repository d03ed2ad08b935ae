"""Every statement that touches a patient's facts leaves the patient's id in patients_changedpatient.

Statement triggers with transition tables: one insert per statement, however many rows it touched. Items need none:
they are written only together with their visit, whose fingerprint changes with them.
"""

from django.db import migrations

TABLES = {
    "patients_patient": "id",
    "patients_visit": "patient_id",
    "patients_payment": "patient_id",
    "patients_feedback": "patient_id",
}


def statements() -> tuple[str, str]:
    create, drop = [], []
    for table, column in TABLES.items():
        name = f"{table}_changed"
        for event, transitions, ids in (
            ("insert", "NEW TABLE AS fresh", f"SELECT DISTINCT {column} FROM fresh"),
            ("delete", "OLD TABLE AS stale", f"SELECT DISTINCT {column} FROM stale"),
            (
                "update",
                "OLD TABLE AS stale NEW TABLE AS fresh",
                f"SELECT {column} FROM stale UNION SELECT {column} FROM fresh",
            ),
        ):
            create.append(
                f"""
                CREATE FUNCTION {name}_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    INSERT INTO patients_changedpatient (patient_id) {ids};
                    RETURN NULL;
                END $$;
                CREATE TRIGGER {name}_on_{event} AFTER {event.upper()} ON {table} REFERENCING {transitions}
                FOR EACH STATEMENT EXECUTE FUNCTION {name}_on_{event}();
                """
            )
            drop.append(f"DROP TRIGGER {name}_on_{event} ON {table}; DROP FUNCTION {name}_on_{event}();")
    return "".join(create), "".join(drop)


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_facts")]
    operations = [migrations.RunSQL(*statements())]

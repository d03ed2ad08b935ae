"""Merging a card, or taking a merge back, changes the facts of the kept card too: its id goes into the log.

The triggers of 0002 log the card whose row was touched; here also the card that it points at, before and after.
"""

from django.db import migrations

MERGED = "UNION SELECT merged_into_id FROM {} WHERE merged_into_id IS NOT NULL"
IDS = {
    "insert": ("SELECT id FROM fresh", ["fresh"]),
    "delete": ("SELECT id FROM stale", ["stale"]),
    "update": ("SELECT id FROM stale UNION SELECT id FROM fresh", ["stale", "fresh"]),
}


def functions(*, merged: bool) -> str:
    bodies = []
    for event, (ids, transitions) in IDS.items():
        also = " ".join(MERGED.format(name) for name in transitions) if merged else ""
        bodies.append(
            f"""
            CREATE OR REPLACE FUNCTION patients_patient_changed_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO patients_changedpatient (patient_id) {ids} {also};
                RETURN NULL;
            END $$;
            """
        )
    return "".join(bodies)


class Migration(migrations.Migration):
    dependencies = [("patients", "0006_night_indexes")]
    operations = [migrations.RunSQL(functions(merged=True), functions(merged=False))]

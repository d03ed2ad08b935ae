"""What rules look for every few seconds: newcomers, and appointments that are no more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0014_changes_are_noted"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(
                condition=models.Q(("registered_at__isnull", False)),
                fields=["registered_at"],
                name="patient_by_registration",
            ),
        ),
        migrations.AddIndex(
            model_name="visitchange",
            index=models.Index(
                condition=models.Q(
                    models.Q(("was_status", "booked"), ("was_status", "confirmed"), _connector="OR"),
                    models.Q(
                        ("status", "cancelled"),
                        models.Q(("starts_at", models.F("was_starts_at")), _negated=True),
                        _connector="OR",
                    ),
                ),
                fields=["was_starts_at"],
                include=("visit", "at"),
                name="visitchange_undone",
            ),
        ),
    ]

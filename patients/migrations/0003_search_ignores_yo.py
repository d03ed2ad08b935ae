"""Королёв is found as королев: the searched text has no ё. A stored generated column can only be made anew."""

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models import F, Value
from django.db.models.functions import Concat, Lower, Replace


class Migration(migrations.Migration):
    dependencies = [("patients", "0002_changed_patient_triggers")]
    operations = [
        migrations.RemoveIndex(model_name="patient", name="patient_search"),
        migrations.RemoveField(model_name="patient", name="search_text"),
        migrations.AddField(
            model_name="patient",
            name="search_text",
            field=models.GeneratedField(
                db_persist=True,
                expression=Replace(
                    Lower(
                        Concat(
                            F("last_name"),
                            Value(" "),
                            F("first_name"),
                            Value(" "),
                            F("middle_name"),
                            Value(" "),
                            F("phone"),
                            Value(" "),
                            F("email"),
                            Value(" "),
                            F("external_id"),
                            output_field=models.TextField(),
                        )
                    ),
                    Value("ё", models.TextField()),
                    Value("е", models.TextField()),
                ),
                output_field=models.TextField(),
            ),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(F("search_text"), name="gin_trgm_ops"), name="patient_search"
            ),
        ),
    ]

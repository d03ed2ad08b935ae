import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0012_consent_proof"),
    ]

    operations = [
        migrations.CreateModel(
            name="Package",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=64, verbose_name="external id")),
                (
                    "source_updated_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="updated in the source"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="updated"
                    ),
                ),
                ("name", models.CharField(blank=True, db_default="", max_length=300, verbose_name="name")),
                ("sessions", models.PositiveIntegerField(verbose_name="sessions")),
                ("bought_on", models.DateField(verbose_name="bought")),
                ("expires_on", models.DateField(blank=True, null=True, verbose_name="of use until, inclusive")),
                ("deleted_at", models.DateTimeField(blank=True, null=True, verbose_name="deleted")),
            ],
            options={
                "verbose_name": "package",
                "verbose_name_plural": "packages",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=64, verbose_name="external id")),
                (
                    "source_updated_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="updated in the source"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="created"
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        auto_now=True, db_default=django.db.models.functions.datetime.Now(), verbose_name="updated"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("free", models.PositiveIntegerField(verbose_name="free")),
                ("total", models.PositiveIntegerField(blank=True, null=True, verbose_name="in all")),
            ],
            options={
                "verbose_name": "free slots of a day",
                "verbose_name_plural": "free slots of days",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="VisitChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("was_status", models.CharField(max_length=10, verbose_name="status before")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("booked", "booked"),
                            ("confirmed", "confirmed"),
                            ("arrived", "arrived"),
                            ("completed", "completed"),
                            ("cancelled", "cancelled"),
                            ("no_show", "no-show"),
                        ],
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("was_starts_at", models.DateTimeField(verbose_name="started at before")),
                ("starts_at", models.DateTimeField(verbose_name="starts at")),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="changed"),
                ),
            ],
            options={
                "verbose_name": "change of a visit",
                "verbose_name_plural": "changes of visits",
            },
        ),
        migrations.AddField(
            model_name="branch",
            name="review_url",
            field=models.URLField(
                blank=True,
                db_default="",
                help_text="Where a happy patient is asked to leave a public review: maps, a catalogue of doctors.",
                max_length=500,
                verbose_name="page for reviews",
            ),
        ),
        migrations.AddField(
            model_name="changedpatient",
            name="transaction",
            field=models.BigIntegerField(
                db_default=django.db.models.functions.comparison.Cast(
                    django.db.models.functions.comparison.Cast(
                        models.Func(function="pg_current_xact_id"), models.TextField()
                    ),
                    models.BigIntegerField(),
                )
            ),
        ),
        migrations.AddIndex(
            model_name="changedpatient",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["transaction"], name="changedpatient_by_transaction", pages_per_range=16
            ),
        ),
        migrations.AddField(
            model_name="package",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="packages",
                to="patients.patient",
                verbose_name="patient",
            ),
        ),
        migrations.AddField(
            model_name="package",
            name="service",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="patients.service",
                verbose_name="service",
            ),
        ),
        migrations.AddField(
            model_name="package",
            name="source",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="patients.integration",
                verbose_name="source",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="branch",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patients.branch",
                verbose_name="branch",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="doctor",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patients.doctor",
                verbose_name="doctor",
            ),
        ),
        migrations.AddField(
            model_name="slot",
            name="source",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="patients.integration",
                verbose_name="source",
            ),
        ),
        migrations.AddField(
            model_name="visitchange",
            name="patient",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patients.patient",
            ),
        ),
        migrations.AddField(
            model_name="visitchange",
            name="visit",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="changes",
                to="patients.visit",
            ),
        ),
        migrations.AddIndex(
            model_name="package",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True), ("expires_on__isnull", False)),
                fields=["expires_on"],
                name="package_expiring",
            ),
        ),
        migrations.AddConstraint(
            model_name="package",
            constraint=models.UniqueConstraint(fields=("source", "external_id"), name="package_once_per_source"),
        ),
        migrations.AddConstraint(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(("sessions__gte", 1)), name="package_of_some_sessions"
            ),
        ),
        migrations.AddConstraint(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_on__isnull", True), ("expires_on__gte", models.F("bought_on")), _connector="OR"
                ),
                name="package_dates_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(fields=["day", "branch"], include=("free", "total"), name="slot_by_day"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.UniqueConstraint(fields=("source", "external_id"), name="slot_once_per_source"),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(("total__isnull", True), ("total__gte", models.F("free")), _connector="OR"),
                name="slot_free_of_total",
            ),
        ),
        migrations.AddIndex(
            model_name="visitchange",
            index=models.Index(fields=["at"], include=("visit", "patient"), name="visitchange_by_time"),
        ),
        migrations.AddIndex(
            model_name="visitchange",
            index=models.Index(fields=["visit", "at"], name="visitchange_of_visit"),
        ),
    ]

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0011_suppression_by_message"),
        ("patients", "0013_packages_slots_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="VisitRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("confirm", "confirms"), ("move", "asks to move it"), ("cancel", "cancels")],
                        max_length=8,
                        verbose_name="wish",
                    ),
                ),
                (
                    "wish",
                    models.CharField(blank=True, db_default="", max_length=300, verbose_name="in the patient's words"),
                ),
                ("starts_at", models.DateTimeField(verbose_name="of the appointment at")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "new"),
                            ("taken", "read by the MIS"),
                            ("done", "done"),
                            ("refused", "refused"),
                            ("outdated", "outdated"),
                        ],
                        default="new",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("note", models.CharField(blank=True, db_default="", max_length=200, verbose_name="answer of the MIS")),
                ("at", models.DateTimeField(verbose_name="asked")),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered")),
            ],
            options={
                "verbose_name": "wish about an appointment",
                "verbose_name_plural": "wishes about appointments",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="message",
            name="service",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="patients.service",
                verbose_name="service",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="visit",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="patients.visit",
                verbose_name="visit",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("visit__isnull", False)), fields=["visit"], name="message_about_visit"
            ),
        ),
        migrations.AddField(
            model_name="visitrequest",
            name="message",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="campaigns.message",
                verbose_name="message",
            ),
        ),
        migrations.AddField(
            model_name="visitrequest",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patients.patient",
                verbose_name="patient",
            ),
        ),
        migrations.AddField(
            model_name="visitrequest",
            name="visit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="requests",
                to="patients.visit",
                verbose_name="visit",
            ),
        ),
        migrations.AddIndex(
            model_name="visitrequest",
            index=models.Index(
                condition=models.Q(("state__in", ["new", "taken"])), fields=["id"], name="visitrequest_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="visitrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["new", "taken"])),
                fields=("visit",),
                name="visitrequest_one_open_per_visit",
            ),
        ),
    ]

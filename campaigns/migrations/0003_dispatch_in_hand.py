import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a dispatcher is handing over; due messages by campaign, so that a paused one costs the others nothing."""

    dependencies = [("campaigns", "0002_call_leases_and_checks")]

    operations = [
        migrations.AddField(
            model_name="dispatcher",
            name="handing",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), default=list, size=None
            ),
        ),
        migrations.RemoveIndex(model_name="message", name="message_due"),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state__in", ["planned", "deferred"])),
                fields=["channel", "campaign", "due_at", "id"],
                name="message_due",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state__in", ["sent", "unknown"])),
                fields=["channel", "claimed_at"],
                name="message_of_day",
            ),
        ),
    ]

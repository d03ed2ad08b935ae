from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """New ladders of a day are counted by the moment their first message was planned."""

    dependencies = [
        ("triggers", "0002_horizon_is_a_snapshot"),
    ]

    operations = [
        migrations.AddField(
            model_name="firing", name="begun_at", field=models.DateTimeField(null=True, verbose_name="begun")
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(
                fields=["begun_at"], include=["rule", "branch"], condition=Q(begun_at__isnull=False),
                name="firing_begun",
            ),
        ),
    ]  # fmt: skip

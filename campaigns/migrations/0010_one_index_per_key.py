from django.db import migrations, models


class Migration(migrations.Migration):
    """The key of a message stays unique, without a second index that nothing reads and every insert pays for."""

    dependencies = [("campaigns", "0009_waiting_reports")]

    operations = [
        migrations.AlterField(model_name="message", name="dedupe_key", field=models.CharField(max_length=80)),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(fields=("dedupe_key",), name="message_once_per_key"),
        ),
    ]

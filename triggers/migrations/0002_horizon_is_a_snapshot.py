from django.db import migrations, models


class Migration(migrations.Migration):
    """The oldest running transaction alone would hold back every change younger than it; a snapshot names them all."""

    dependencies = [
        ("triggers", "0001_rules"),
    ]

    operations = [
        migrations.RemoveField(model_name="triggerrule", name="horizon"),
        migrations.AddField(
            model_name="triggerrule",
            name="horizon",
            field=models.TextField(blank=True, default="", editable=False),
        ),
    ]

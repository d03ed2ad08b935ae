from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0012_about_visit"),
    ]

    operations = [
        migrations.AddField(
            model_name="calltask",
            name="key",
            field=models.CharField(blank=True, editable=False, max_length=60, null=True, unique=True),
        ),
    ]

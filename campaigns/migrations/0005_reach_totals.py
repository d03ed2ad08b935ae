from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_calls_of_a_day")]

    operations = [
        migrations.CreateModel(
            name="ReachTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("as_of", models.DateField(unique=True, verbose_name="as of")),
                ("patients", models.PositiveIntegerField(default=0, verbose_name="patients")),
                ("reached", models.PositiveIntegerField(default=0, verbose_name="reached by a message")),
                ("messages", models.PositiveIntegerField(default=0, verbose_name="messages sent")),
            ],
            options={
                "verbose_name": "reach of a night",
                "verbose_name_plural": "reach of nights",
                "ordering": ["-as_of"],
            },
        ),
    ]

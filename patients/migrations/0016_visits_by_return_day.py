from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0015_occasions_indexed"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="visit",
            index=models.Index(
                condition=models.Q(
                    ("deleted_at__isnull", True), ("return_due_on__isnull", False), ("status", "completed")
                ),
                fields=["return_due_on"],
                name="visit_by_return_day",
            ),
        ),
    ]

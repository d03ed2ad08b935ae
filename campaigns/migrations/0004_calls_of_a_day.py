from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_dispatch_in_hand")]

    operations = [
        migrations.RemoveIndex(model_name="callattempt", name="callattempt_of_manager"),
        migrations.AddIndex(
            model_name="callattempt",
            index=models.Index(fields=["at"], include=["by", "outcome", "undone_at"], name="callattempt_of_day"),
        ),
        migrations.AddIndex(
            model_name="calltask",
            index=models.Index(
                fields=["done_at", "id"], condition=models.Q(done_at__isnull=False), name="calltask_done"
            ),
        ),
    ]

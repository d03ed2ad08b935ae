from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0013_calls_of_replies"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "holdout"), _negated=True),
                    models.Q(("claimed_at", None), ("dispatcher", None), ("sent_at", None)),
                    _connector="OR",
                ),
                name="message_holdout_was_never_taken",
            ),
        ),
    ]

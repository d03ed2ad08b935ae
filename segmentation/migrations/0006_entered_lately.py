"""What rules look for: who entered a segment lately."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0015_occasions_indexed"),
        ("segmentation", "0005_own_segments"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="membership",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["entered_on"], name="membership_by_day", pages_per_range=32
            ),
        ),
    ]

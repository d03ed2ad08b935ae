from django.db import migrations, models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce

COUNTS = Q(state__in=["planned", "deferred", "sending", "sent", "unknown"])


def counts_at() -> Case:
    waiting = When(state__in=["planned", "deferred"], then=F("due_at"))
    return Case(waiting, default=Coalesce("sent_at", "claimed_at", "due_at"))


class Migration(migrations.Migration):
    """The caps are counted per reader too, and when planning what is planned already counts."""

    dependencies = [("campaigns", "0006_consent_texts")]

    operations = [
        migrations.RemoveIndex(model_name="message", name="message_by_address"),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(F("address_key"), counts_at(), condition=COUNTS, name="message_by_address"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                Coalesce("recipient_id", "patient_id"), counts_at(), condition=COUNTS, name="message_of_reader"
            ),
        ),
    ]

"""Empty what the campaigns hold about a patient who asked to be forgotten."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.management.commands.dispatch import a_moment
from campaigns.services.consents.erasure import forget
from patients.models import Patient


class Command(BaseCommand):
    help = (
        "Empty scripts and notes of calls, caught messages and details of events of a patient, and cancel what has not"
        " gone out. The card itself is deleted in the MIS (DELETE /api/v1/patients/ID); see docs/consent.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="code of the integration the id belongs to")
        parser.add_argument("external_id", help="id of the patient in that source")
        parser.add_argument("--now", type=a_moment, metavar="TIME", help="as if it were this time (ISO 8601)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how many rows were emptied."""
        now = options["now"] or timezone.now()
        found = Patient.objects.filter(source__code=options["source"], external_id=options["external_id"]).first()
        if found is None:
            raise CommandError(f"There is no patient {options['external_id']} of {options['source']}.")
        done = forget([found.pk], now)
        self.stdout.write(
            f"{done.calls} calls emptied, {done.caught} caught messages deleted, {done.events} events emptied,"
            f" {done.cancelled} messages cancelled"
        )

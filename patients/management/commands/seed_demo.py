"""`manage.py seed_demo --patients 20000 --years 4 --seed 7`: fill an empty database with the demo clinic."""

import datetime
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from patients import demo


class Command(BaseCommand):
    help = "Fills an empty database with a believable clinic: the same rows for the same seed and date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patients", type=int, default=20_000)
        parser.add_argument("--years", type=float, default=4)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument(
            "--as-of", type=datetime.date.fromisoformat, default=None, metavar="DATE",
            help="The day on which the clinic is seen (YYYY-MM-DD); today when omitted.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        tell = self.stdout.write if options["verbosity"] else None
        try:
            counts = demo.seed(
                options["patients"], options["years"], options["seed"], options["as_of"], progress=tell or _silent
            )
        except demo.NotEmpty:
            raise CommandError(
                _("The database already has patients. The demo clinic needs an empty one; nothing was changed.")
            ) from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        if tell:
            rows = ", ".join(f"{table} {count}" for table, count in counts._asdict().items())
            tell(f"{rows} in {time.monotonic() - began:.1f} s")


def _silent(_message: str) -> None:
    """Said to nobody."""

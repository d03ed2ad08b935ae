"""Everything between an installed portal and a running one."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from campaigns.services.sending import accounts
from triggers.services import starters


class Command(BaseCommand):
    help = "Bring database and static files up to date and fill an empty database: what `up` does before it starts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="no generated patients")

    def handle(self, *args: Any, **options: Any) -> None:
        """In one process: starting Django costs more than these do on a prepared portal."""
        call_command("migrate", verbosity=1)
        accounts.ensure()
        call_command("collectstatic", interactive=False, verbosity=0)
        call_command("first_start", no_demo=options["no_demo"], stdout=self.stdout)
        # After the demonstration clinic: ready rules find the services they are about.
        starters.ensure()

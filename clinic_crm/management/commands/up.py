"""Start everything on this machine."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from clinic_crm.local import state
from clinic_crm.local.portal import Portal, default_port


class Command(BaseCommand):
    help = (
        "Start PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL are set), prepare the database,"
        " and run web, worker and beat until Ctrl-C."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=default_port(), help="of the web server (default %(default)s)")
        # Read by manage.py before the settings; here for --help and so that it is a known option.
        parser.add_argument("--data", metavar="DIR", help="for servers, files and logs (default .local/)")
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped; other than 0 when it could not start or gave up."""
        sys.exit(Portal(state.data_dir(), port=options["port"], demo=not options["no_demo"]).run())

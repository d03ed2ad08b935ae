"""`create_integration CODE --scopes ingest,read`: prints the token, and nothing else, on standard output."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from patients.services.integrations import AlreadyExists, create_integration


class Command(BaseCommand):
    help = "Registers a system that posts facts or reads segments and prints its token, which is shown only once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", help="short name of the system: letters, digits, - and _")
        parser.add_argument("--scopes", default="ingest,read", help="ingest, read, or both (default: ingest,read)")
        parser.add_argument("--name", default="", help="name to show on pages")
        parser.add_argument(
            "--implied-payments",
            action="store_true",
            help="the source sends no payments: a completed visit counts as paid in full on its day",
        )
        parser.add_argument("--rotate", action="store_true", help="replace the token of an existing integration")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            _integration, token = create_integration(
                options["code"],
                scopes,
                name=options["name"],
                implied_payments=options["implied_payments"],
                rotate=options["rotate"],
            )
        except AlreadyExists:
            raise CommandError(
                f"The integration “{options['code']}” has a token already, and it cannot be shown again. "
                "Run the command with --rotate to replace it; the old token stops working at once."
            ) from None
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from None
        self.stdout.write(token)

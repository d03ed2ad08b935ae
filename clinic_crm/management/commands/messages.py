"""Keep the message catalogues in step with the code."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clinic_crm.local import catalogues, messages


class Command(BaseCommand):
    help = "Message catalogues: --update adds new strings and removes old ones, --check finds what is not translated."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--update", action="store_true", help="write locale/*/LC_MESSAGES/django.po and compile")
        what.add_argument("--check", action="store_true", help="fail when a string has no translation")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the two."""
        if options["update"]:
            for line in messages.summary(messages.update()):
                self.stdout.write(line)
            catalogues.compile_catalogues()
        elif found := messages.problems():
            raise CommandError("\n".join([*found, f"{len(found)} strings to translate: manage.py messages --update"]))

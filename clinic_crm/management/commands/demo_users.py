"""Logins of the demonstration clinic, one per role."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from clinic_crm.roles import ADMINISTRATOR, DEMO_LOGINS
from patients.demo import SOURCE
from patients.models import Patient


def has_real_patients() -> bool:
    """Whether anybody in the database did not come from the generator."""
    return Patient.objects.exclude(source__code=SOURCE).exists()


class Command(BaseCommand):
    help = "Create the demo logins, one per role, and list them. Existing users are left as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="only list those that exist")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing, then print who can log in."""
        if has_real_patients() and not options["list"]:
            raise CommandError("There are patients who were not generated: logins with public passwords stay out.")
        users = get_user_model().objects
        if not options["list"]:
            for username, role, password in DEMO_LOGINS:
                if not users.filter(username=username).exists():
                    user = users.create_user(username, password=password, is_staff=role == ADMINISTRATOR)
                    user.groups.add(Group.objects.get(name=role))
        existing = set(users.values_list("username", flat=True))
        logins = [login for login in DEMO_LOGINS if login[0] in existing]
        if len(logins) == len(DEMO_LOGINS):  # `admin` alone may be somebody real
            for username, role, password in logins:
                self.stdout.write(f"{username:<10} {password:<16} {role}")

"""What an empty database needs before anybody can use the portal."""

import secrets
from datetime import date, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils import timezone

from campaigns.demo import clinic, history, present
from campaigns.models import Policy
from campaigns.services.sending import accounts
from campaigns.services.writing import content
from clinic_crm import nightly
from clinic_crm.management.commands import demo_users
from clinic_crm.roles import ADMINISTRATOR
from patients.demo import SOURCE
from patients.models import Integration, Patient
from segmentation.demo import clusters
from segmentation.models import NightlyRun
from triggers.demo import history as rules

DEMO_PATIENTS, DEMO_YEARS, DEMO_SEED = 20_000, 4, 1
HISTORY, STEP = timedelta(days=730), timedelta(days=30)


class Command(BaseCommand):
    help = "Fill an empty database: the demonstration clinic with its logins, or (--no-demo) one administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="no generated patients")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do nothing once there is a user.

        The demo logins come last, so a preparation that was interrupted goes on where it stopped.
        """
        if get_user_model().objects.exists():
            return
        Policy.load()
        accounts.ensure()
        content.ensure_defaults()
        if options["no_demo"] or demo_users.has_real_patients():
            self._create_administrator()
        else:
            self._create_demo()

    @transaction.atomic
    def _create_administrator(self) -> None:
        password = secrets.token_urlsafe(12)
        administrator = get_user_model().objects.create_superuser("admin", password=password)
        administrator.groups.add(Group.objects.get(name=ADMINISTRATOR))
        self.stdout.write("The first administrator, shown this once; change it with `manage.py changepassword admin`:")
        self.stdout.write(f"admin      {password}")

    def _create_demo(self) -> None:
        if not Patient.objects.exists():
            self.stdout.write(f"Preparing the demonstration clinic: {DEMO_PATIENTS} patients, {DEMO_YEARS} years")
            call_command("seed_demo", patients=DEMO_PATIENTS, years=DEMO_YEARS, seed=DEMO_SEED)
        today = timezone.localdate()
        clinic.furnish(Integration.objects.get(code=SOURCE).pk)
        # Before the nights, so that they count what the campaigns of the year brought.
        if history.seed(today):
            self.stdout.write("A year of campaigns is written")
        if rules.seed(today):
            self.stdout.write("Rules have been on for months")
        first = self._first_night(today)
        if first <= today:
            self.stdout.write("Living through its last two years month by month")
            for day in nightly.series(first, today, STEP.days):
                nightly.run_nights([day], report=self._say)
                present.stand(day, today)
                clusters.stand(day, today)
        present.prepare(today)
        self._say(f"Clusters: {clusters.prepare()}")
        rules.go_on(today)
        call_command("demo_users", stdout=self.stdout)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _first_night(self, today: date) -> date:
        """Two years ago, or where an interrupted start stopped."""
        unfinished = NightlyRun.objects.exclude(state=NightlyRun.State.DONE).order_by("as_of").first()
        if unfinished:
            return unfinished.as_of
        last = NightlyRun.objects.order_by("as_of").last()
        return last.as_of + STEP if last else today - HISTORY

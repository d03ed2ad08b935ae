"""manage.py plan"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.management.commands.dispatch import a_moment
from campaigns.models import Campaign
from campaigns.services.running import schedule, standing


class Command(BaseCommand):
    help = (
        "Plan launched campaigns that no worker has planned yet, and let standing ones take their newcomers. "
        "Run twice, or beside the workers, it plans nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", type=a_moment, metavar="TIME", help="as if it were this time (ISO 8601)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = options["now"] or timezone.now()
        planned = schedule.pick_up(now)
        taken = standing.take(now)
        left = Campaign.objects.filter(state=Campaign.State.PLANNING).count()
        self.stdout.write(f"campaigns planned: {planned}; newcomers taken by standing ones: {taken}")
        if left:
            raise CommandError(f"Not planned: {left}. Their pages say why.")

"""manage.py fire"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.management.commands.dispatch import a_moment
from triggers.models import TriggerRule
from triggers.services import ladders, looking


class Command(BaseCommand):
    help = (
        "Let every rule that is on look for new occasions, and plan the messages that are due. Run twice, or beside "
        "the workers, it finds and plans nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rule", nargs="?", help="the code of one rule; all of them without it")
        parser.add_argument("--now", type=a_moment, metavar="TIME", help="as if it were this time (ISO 8601)")
        parser.add_argument("--deep", action="store_true", help="look at the last weeks of everybody")

    def handle(self, *args: Any, **options: Any) -> None:
        now = options["now"] or timezone.now()
        rules = TriggerRule.objects.filter(enabled=True)
        if options["rule"]:
            chosen = TriggerRule.objects.filter(code=options["rule"]).first()
            if chosen is None:
                raise CommandError(f"There is no rule “{options['rule']}”.")
            if not chosen.enabled:
                raise CommandError(f"The rule “{options['rule']}” is switched off.")
            rules = rules.filter(pk=chosen.pk)
            found = looking.look_one(chosen.pk, now, deep=options["deep"])
            decided = ladders.plan_due(now, chosen.pk)
        else:
            found = looking.look_all(now, deep=options["deep"])
            decided = ladders.plan_due(now)
        self.stdout.write(f"occasions found: {found}; messages decided: {decided}")
        failed = list(rules.exclude(error="").values_list("code", flat=True))
        if failed:
            raise CommandError(f"These rules failed, their pages say why: {', '.join(failed)}")

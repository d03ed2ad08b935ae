"""manage.py backtest"""

import datetime as dt
import json
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from campaigns.management.commands.dispatch import a_moment
from patients.models import Branch
from segmentation.services.spreadsheets import csv_chunks
from triggers.models import Backtest, TriggerRule
from triggers.reports import backtest as report
from triggers.reports import backtest_words as words
from triggers.services.backtest import asking, run


def a_day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"not a day: {text!r}; write 2026-01-31") from None


class Command(BaseCommand):
    help = (
        "What a rule would have done in a past period: who would have been written to, what was not needed, the load "
        "and the cost. Prints a summary; nothing is written to the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rule", metavar="RULE", help="code of the rule, or its number")
        parser.add_argument("--from", dest="first", type=a_day, required=True, metavar="DAY", help="first day (ISO)")
        parser.add_argument("--to", dest="last", type=a_day, required=True, metavar="DAY", help="last day, inclusive")
        parser.add_argument("--now", type=a_moment, metavar="TIME", help="as if it were this time (ISO 8601)")
        parser.add_argument("--json", action="store_true", help="every figure, as JSON")
        parser.add_argument("--csv", metavar="FILE", help="messages per day and branch, into this file")

    def handle(self, *args: Any, **options: Any) -> None:
        now = options["now"] or timezone.now()
        rule = _rule(options["rule"])
        try:
            asking.checked(options["first"], options["last"], now)
        except asking.NotPossible as problem:
            raise CommandError(str(problem)) from None
        if why := asking.unfit(rule):
            raise CommandError(why)
        result = run(rule, options["first"], options["last"], now=now)
        if options["csv"]:
            with Path(options["csv"]).open("wb") as target:
                picture = report.load(result, dict(Branch.objects.values_list("pk", "name")))
                target.writelines(csv_chunks(picture.columns, picture.rows))
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=1))
            return
        with translation.override(settings.LANGUAGE_CODE):
            self._tell(Backtest(rule=rule, first_day=options["first"], last_day=options["last"], result=result))

    def _tell(self, found: Backtest) -> None:
        result = found.result
        self.stdout.write(f"{found.rule}, {words.period(found)}")
        self.stdout.write(words.headline(found))
        self.stdout.write(words.adds_up(result))
        for picture in (report.ladder(result), report.reasons(result, found.rule.purpose), report.costs(result)):
            self.stdout.write(f"\n{picture.title}")
            self.stdout.write("\t".join(str(label) for label, _kind in picture.columns))
            for row in picture.rows:
                self.stdout.write(
                    "\t".join(
                        report.cell(value, kind) for value, (_label, kind) in zip(row, picture.columns, strict=True)
                    )
                )
        self.stdout.write(f"\n{words.expected(result)}")
        self.stdout.write(f"{result['seconds']} s")


def _rule(name: str) -> TriggerRule:
    rules = TriggerRule.objects.filter(code=name)
    rule = rules.first() or (TriggerRule.objects.filter(pk=int(name)).first() if name.isdigit() else None)
    if rule is None:
        raise CommandError(f"There is no rule {name!r}.")
    return rule

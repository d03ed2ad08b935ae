"""`import_file FILE --resource visits --source CODE --mapping MAP.toml`: facts from CSV, text or Excel."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from patients.files.fields import ORDER
from patients.files.importing import Outcome, import_file
from patients.files.layout import MappingError
from patients.files.mapping import FileMapping, load_mapping
from patients.files.readers import FileError
from patients.models import Integration


class Command(BaseCommand):
    help = "Import a CSV, text or Excel file with the help of a TOML mapping (docs/imports/README.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--resource", required=True, choices=ORDER, help="what the file is about")
        parser.add_argument("--source", required=True, metavar="CODE", help="the integration that owns the rows")
        parser.add_argument("--mapping", required=True, type=Path, metavar="MAP.toml")
        parser.add_argument("--only", action="store_true", help="take --resource alone, not all the mapping makes")
        parser.add_argument("--limit", type=int, metavar="N", help="take the first N rows")
        parser.add_argument("--dry-run", action="store_true", help="do everything and roll it back")
        parser.add_argument("--create-source", action="store_true", help="create the integration when there is none")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            mapping = load_mapping(options["mapping"])
            self._check(mapping, options)
            source = self._source(options["source"], options["create_source"])
            outcome = import_file(
                options["file"],
                mapping,
                source,
                main=options["resource"],
                only=[options["resource"]] if options["only"] else [],
                limit=options["limit"],
                dry_run=options["dry_run"],
                progress=self._progress,
            )
        except MappingError as error:
            raise CommandError(f"{options['mapping'].name}: {error}") from error
        except FileError as error:
            raise CommandError(f"{options['file'].name}: {error}") from error
        self._tell(outcome, time.monotonic() - started, options["dry_run"])

    def _check(self, mapping: FileMapping, options: dict[str, Any]) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError(_("--limit is a number from 1."))
        if options["resource"] not in mapping.resources:
            raise MappingError(options["resource"], _("the mapping has no such table"))

    def _source(self, code: str, create: bool) -> Integration:
        try:
            return Integration.objects.outside().get(code=code)
        except Integration.DoesNotExist:
            if not create:
                raise CommandError(
                    _(
                        "There is no integration “%(code)s”. Create it with `create_integration %(code)s --scopes "
                        "ingest`, or add --create-source."
                    )
                    % {"code": code}
                ) from None
        integration = Integration(code=code, name=code)
        integration.full_clean(exclude=["scopes"])
        integration.save()
        return integration

    def _progress(self, done: int, expected: int) -> None:
        share = f"{min(100, done * 100 // expected)} %" if expected else ""
        self.stderr.write(f"{done} / {expected} {share}")

    def _tell(self, outcome: Outcome, seconds: float, dry_run: bool) -> None:
        for resource, tally in outcome.tallies.items():
            self.stdout.write(
                f"{resource}: created {tally.created}, updated {tally.updated}, unchanged {tally.unchanged}, "
                f"rejected {tally.rejected}" + (f", without a usable contact {tally.warned}" if tally.warned else "")
            )
        for refusal in outcome.refusals:
            errors = "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in refusal.errors.items())
            self.stdout.write(f"  line {refusal.line}, {refusal.resource}: {errors}")
        if outcome.rejected > len(outcome.refusals):
            self.stdout.write(f"  … and {outcome.rejected - len(outcome.refusals)} more on the data page")
        skipped = f", {outcome.skipped} skipped by the filter" if outcome.skipped else ""
        self.stdout.write(f"{outcome.rows} rows in {seconds:.1f} s{skipped}")
        if dry_run:
            self.stdout.write("Dry run: nothing was kept.")

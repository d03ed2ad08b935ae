"""Add the ready rules that are not there yet."""

from typing import Any

from django.core.management.base import BaseCommand

from triggers.services import starters


class Command(BaseCommand):
    help = "Add the ready trigger rules that are not there yet, switched off; what is there stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        made = starters.ensure()
        self.stdout.write(f"Ready rules added: {len(made)}")

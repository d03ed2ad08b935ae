"""`--now` of the commands: what is no time is told, and not taken for this moment."""

import pytest
from django.core.management import CommandError, call_command

from tests.campaigns.making import make_patients

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("when", ["yesterday", "2026-13-01T00:00", "", "2026-02-30"])
@pytest.mark.parametrize("command", ["dispatch", "plan", "forget_patient"])
def test_nonsense_is_told(command: str, when: str) -> None:
    (patient,) = make_patients(1)
    whom = ["test", patient.external_id] if command == "forget_patient" else []
    with pytest.raises(CommandError, match="not a time"):
        call_command(command, *whom, f"--now={when}")

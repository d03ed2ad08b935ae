"""The contract of rule types, kept by types as small as they can be."""

import datetime

from patients.models import Patient
from tests.campaigns.making import make_visit
from tests.triggers.type_contract import TypeContract, at


class TestDays(TypeContract):
    code = "tiny_day"

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day))


class TestDaysBefore(TestDays):
    """The first message long before, or long after, its anchor."""

    steps = ((3, "day", datetime.time(23, 30)), (40, "day", None))

    def window(self):  # type: ignore[no-untyped-def]
        window = super().window()
        return type(window)(window.after, window.until + datetime.timedelta(days=3))


class TestMoments(TypeContract):
    code = "tiny_moment"
    steps = ((2, "hour", None), (26, "hour", None))

    def occasion(self, patient: Patient, day: datetime.date) -> None:
        make_visit(patient, at(day, 21, 30))


class TestMomentsAtAnHour(TestMoments):
    steps = ((1, "day", datetime.time(11, 0)), (2, "day", datetime.time(11, 0)))

"""People around a patient: those on the same phone, the guardian and the wards, who brought whom."""

from dataclasses import dataclass, field

from django.db.models import Q

from patients.models import Patient
from patients.selectors.search import listed

SHOWN = 30


@dataclass(frozen=True)
class Household:
    guardian: Patient | None = None
    referred_by: Patient | None = None
    wards: list[Patient] = field(default_factory=list)
    same_phone: list[Patient] = field(default_factory=list)
    referred: list[Patient] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.guardian or self.referred_by or self.wards or self.same_phone or self.referred)


def household(patient: Patient, *related: str) -> Household:
    """At most `SHOWN` people, in one query; `related` is loaded with each of them (for example their metrics).

    `patient` comes with its guardian and referrer loaded. Somebody who is a ward is not repeated under the phone.
    """
    around = Q(guardian=patient.pk) | Q(referred_by=patient.pk)
    if patient.phone:
        around |= Q(phone=patient.phone)
    people = listed().filter(around).exclude(pk=patient.pk).select_related(*related).order_by("pk")[:SHOWN]
    wards, same_phone, referred = [], [], []
    for person in people:
        if person.guardian_id == patient.pk:
            wards.append(person)
        elif patient.phone and person.phone == patient.phone and person.pk != patient.guardian_id:
            same_phone.append(person)
        if person.referred_by_id == patient.pk:
            referred.append(person)
    return Household(patient.guardian, patient.referred_by, wards, same_phone, referred)

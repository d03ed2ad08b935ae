"""Facts: who the patients are, what was done for them, what they paid and said, what they allowed.

One way of references: sources <- catalogue <- people <- facts <- plans <- intake.
"""

from patients.models.catalogue import AcquisitionChannel, Branch, ChannelSpend, Doctor, Service, ServiceGroup
from patients.models.facts import Consent, Feedback, Payment, Visit, VisitItem
from patients.models.intake import ChangedPatient, IngestBatch, Rejected
from patients.models.people import Patient
from patients.models.plans import Package, Slot, VisitChange
from patients.models.sources import PORTAL, Integration

__all__ = [
    "PORTAL",
    "AcquisitionChannel",
    "Branch",
    "ChangedPatient",
    "ChannelSpend",
    "Consent",
    "Doctor",
    "Feedback",
    "IngestBatch",
    "Integration",
    "Package",
    "Patient",
    "Payment",
    "Rejected",
    "Service",
    "ServiceGroup",
    "Slot",
    "Visit",
    "VisitChange",
    "VisitItem",
]

"""Facts: who the patients are, what was done for them, what they paid and said, what they allowed.

One way of references: sources <- catalogue <- people <- facts <- intake.
"""

from patients.models.catalogue import AcquisitionChannel, Branch, ChannelSpend, Doctor, Service, ServiceGroup
from patients.models.facts import Consent, Feedback, Payment, Visit, VisitItem
from patients.models.intake import ChangedPatient, IngestBatch, Rejected
from patients.models.people import Patient
from patients.models.sources import Integration

__all__ = [
    "AcquisitionChannel",
    "Branch",
    "ChangedPatient",
    "ChannelSpend",
    "Consent",
    "Doctor",
    "Feedback",
    "IngestBatch",
    "Integration",
    "Patient",
    "Payment",
    "Rejected",
    "Service",
    "ServiceGroup",
    "Visit",
    "VisitItem",
]

"""A base for the tests of pages: rows as a night would write them, with figures chosen by hand."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from patients.models import Branch, Integration, Patient
from segmentation.models import (
    BaseTotal,
    Membership,
    Metrics,
    NightlyRun,
    RfmCell,
    Score,
    Segment,
    SegmentTotal,
)
from segmentation.services.defaults import ensure_defaults

AS_OF = dt.date(2026, 11, 21)
MONTH_AGO = AS_OF - dt.timedelta(days=30)
VIEW = ("segmentation.view_segment", "patients.view_patient")


def reader(*permissions: str) -> Client:
    """A client logged in as somebody who may do just this."""
    user = User.objects.create_user(f"reader{User.objects.count()}")
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = "en"
    return client


class Base:
    """Segmentations with their segments, two nights a month apart, patients added one by one."""

    def __init__(self) -> None:
        ensure_defaults()
        self.source = Integration.objects.create(code="pages")
        self.branches = [
            Branch.objects.create(source=self.source, external_id=name, name=name) for name in ("North", "South")
        ]
        self.segments = {
            (segment.segmentation.code, segment.code): segment
            for segment in Segment.objects.select_related("segmentation")
        }
        self.numbers = 0

    def segment(self, segmentation: str, code: str) -> Segment:
        return self.segments[segmentation, code]

    def night(self, as_of: dt.date, **total: Any) -> BaseTotal:
        NightlyRun.objects.create(as_of=as_of, state=NightlyRun.State.DONE)
        return BaseTotal.objects.create(as_of=as_of, **total)

    def total(self, segmentation: str, code: str, as_of: dt.date, patients: int, money_365: int = 0) -> None:
        SegmentTotal.objects.create(
            segment=self.segment(segmentation, code), as_of=as_of, patients=patients, money_365=money_365
        )

    def cell(self, r: int, f: int, m: int, patients: int, money: int = 0) -> None:
        RfmCell.objects.create(as_of=AS_OF, r=r, f=f, m=m, patients=patients, money_365=money)

    def patient(
        self, *, rfm: tuple[int, int, int] = (3, 3, 3), ltv: int | None = None, metrics: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Patient:  # fmt: skip
        self.numbers += 1
        fields = {"branch": self.branches[0], "last_name": f"Name{self.numbers:03d}", **fields}
        patient = Patient.objects.create(source=self.source, external_id=f"p{self.numbers}", **fields)
        Metrics.objects.create(patient=patient, as_of=AS_OF, **(metrics or {}))
        Score.objects.create(patient=patient, r=rfm[0], f=rfm[1], m=rfm[2], ltv=ltv)
        return patient

    def member(self, patient: Patient, segmentation: str, code: str, **fields: Any) -> Membership:
        segment = self.segment(segmentation, code)
        fields = {"entered_on": AS_OF, **fields}
        return Membership.objects.create(patient=patient, segmentation=segment.segmentation, segment=segment, **fields)

    def move(
        self, segmentation: str, source: str, target: str, on: dt.date, money: int, cause: dict[str, Any]
    ) -> Membership:
        patient = self.patient()
        return self.member(
            patient, segmentation, target, came_from=self.segment(segmentation, source), entered_on=on,
            money=Decimal(money), cause=cause,
        )  # fmt: skip

"""What providers and mail servers say after a message was handed over: noted in the ledger, suppressing at once."""

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from campaigns.models import Channel, Message, MessageEvent, WaitingReport
from campaigns.services.hearing import returned_mail
from campaigns.services.hearing.delivery_formats import Report
from campaigns.services.hearing.returned_mail import Returned, What
from campaigns.services.hearing.tracking import NewEvent, record

Kind = MessageEvent.Kind
KEPT = dt.timedelta(days=3)
_AT_ONCE = 2_000
_KINDS = {
    What.BOUNCED: Kind.BOUNCED, What.DEFERRED: Kind.DEFERRED, What.DELIVERED: Kind.DELIVERED,
    What.COMPLAINED: Kind.COMPLAINED,
}  # fmt: skip


def delivery_reports(reports: Sequence[Report], now: dt.datetime, channel: str = Channel.SMS) -> int:
    """Note the fate of messages; how many of the reports were news. Reports about ids nobody knows wait."""
    with transaction.atomic():
        WaitingReport.objects.bulk_create(
            [
                WaitingReport(
                    channel=channel, provider_id=report.provider_id, event_id=report.event_id, kind=report.kind,
                    at=min(report.at, now), detail=_detail(report.permanent, report.code),
                )
                for report in reports
            ],
            ignore_conflicts=True,
        )  # fmt: skip
    return match_waiting(now)


def match_waiting(now: dt.datetime) -> int:
    """Note the reports whose message is known by now, and forget those nobody will ever know; how many were news."""
    news = 0
    WaitingReport.objects.filter(received_at__lt=now - KEPT).delete()
    while True:
        with transaction.atomic():
            known = list(
                WaitingReport.objects.raw(
                    """
                    SELECT w.*, m.id AS about FROM campaigns_waitingreport w
                    CROSS JOIN LATERAL (
                        SELECT id FROM campaigns_message
                        WHERE provider_id = w.provider_id AND provider_id <> '' AND channel = w.channel
                        ORDER BY id DESC LIMIT 1
                    ) m
                    ORDER BY w.id LIMIT %s FOR UPDATE OF w SKIP LOCKED
                    """,
                    [_AT_ONCE],
                )
            )
            news += record(
                [
                    NewEvent(report.about, report.kind, report.at, report.event_id, detail=report.detail)  # type: ignore[attr-defined]
                    for report in known
                ]
            )
            WaitingReport.objects.filter(pk__in=[report.pk for report in known]).delete()
        if len(known) < _AT_ONCE:
            return news


def mail(raw: bytes, now: dt.datetime) -> int:
    """Note what a mail to the bounce mailbox says; how much of it was news."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    found = [(returned, _message_of(returned)) for returned in returned_mail.read(raw, secrets)]
    return record(
        [
            NewEvent(number, _KINDS[returned.what], now, returned.event_id, detail=_said(returned))
            for returned, number in found
            if number is not None
        ]
    )


def _message_of(returned: Returned) -> int | None:
    if returned.message_id is not None:
        return returned.message_id
    sent = Message.objects.filter(provider_id=returned.sent_as, channel=Channel.EMAIL).order_by("-pk")
    return sent.values_list("pk", flat=True).first() if returned.sent_as else None


def _said(returned: Returned) -> dict[str, object]:
    if returned.what == What.COMPLAINED:
        return {"type": returned.status}
    return {**_detail(returned.permanent, returned.status), **({"words": returned.words} if returned.words else {})}


def _detail(permanent: bool, code: str) -> dict[str, object]:
    return {"hard": permanent, **({"code": code} if code else {})}

"""A text as one patient would read it, before anything is sent; and the test letter to oneself."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import checks, links, rendering
from campaigns.channels.base import Envelope, Status
from campaigns.models import ChannelAccount, Offer, Policy, Template
from campaigns.rendering import sms, variables
from campaigns.rendering.compiling import OFFER_URL, Compiled
from campaigns.services.sending import accounts
from campaigns.services.writing import contexts
from patients.models import Patient

SOME_MESSAGE = 10_000_000  # a number as long as those of a clinic's third year


@dataclass(frozen=True, slots=True)
class Written:
    """What is being typed."""

    language: str
    subject: str
    preheader: str
    body: str


@dataclass(slots=True)
class Preview:
    """What the page shows: the letter, or why there is none; every problem with its place."""

    problems: list[rendering.Problem]
    rendered: rendering.Rendered | None = None
    failure: str = ""
    preheader: str = ""
    parts: sms.Parts | None = None
    cost: Decimal | None = None
    alphabet: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        return sum(problem.is_error for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


def preview(
    template: Template, written: Written, patient: Patient | None, offer: Offer | None, now: dt.datetime
) -> Preview:
    """The text for this patient (without one: for the made-up patient of the examples)."""
    compiled = compile_written(template, written)
    sensitive = checks.sensitive_services()
    secret = checks.offer_is_sensitive(offer, sensitive) if offer else None
    problems = checks.of_text(
        written, template.purpose, template.channel, written.language, Policy.load(), sensitive, secret
    )
    result = Preview(problems)
    if compiled.broken or not compiled.body.strip():
        return result
    try:
        values = values_for(compiled, written.language, patient, offer, now, counted=template.channel == "sms")
        result.rendered = rendering.render(compiled, values)
    except rendering.NotRendered as error:
        result.failure = str(error)
        return result
    if template.channel == "sms":
        result.parts = sms.parts(result.rendered.plain)
        account = ChannelAccount.objects.filter(channel="sms").first()
        result.cost = result.parts.cost(account.price) if account else None
        result.alphabet = sms.outsiders(result.rendered.plain)[:8] if result.parts.encoding == sms.UCS2 else []
    return result


def compile_written(template: Template, written: Written) -> Compiled:
    return rendering.compile_text(template.channel, written.subject, written.preheader, written.body, written.language)


def values_for(
    compiled: Compiled,
    language: str,
    patient: Patient | None,
    offer: Offer | None,
    now: dt.datetime,
    counted: bool = False,
) -> dict[str, Any]:
    """Real values of a patient; of nobody in particular, the examples.

    Personal addresses, of the length of real ones, open a page that says so. Links lead where they would lead;
    `counted` shows the addresses that are sent instead of them, so that the parts of an SMS are right.
    """
    base = links.base_url()
    personal = {path: links.disguised(address(base, SOME_MESSAGE)) for path, address in links.PERSONAL.items()}

    def addresses(_key: int, _wanted: Iterable[str]) -> dict[str, Any]:
        made: dict[str, Any] = dict(personal)
        for number, target in enumerate(compiled.links, 1):
            own = (offer.url if offer else "") or base if target == OFFER_URL else target
            made[f"link_{number}"] = links.disguised(links.link_url(base, SOME_MESSAGE, number)) if counted else own
        return made

    if patient is None:
        values = variables.sample(language) | addresses(0, ())
        values["today"] = timezone.localdate(now)
        if offer is not None:
            values["offer"] = contexts.offer_values(offer, language)
        policy = Policy.load()
        values["warning"] = policy.warning if language == "ru" else policy.warning_en
        values["clinic"] = {"name": policy.clinic_name or None, "details": policy.clinic_details or None}
        return values
    asked = contexts.Asked(
        0, compiled, language, patient.pk, contexts.reader_of(patient, timezone.localdate(now)),
        branch_id=patient.branch_id, offer=offer,
    )  # fmt: skip
    found = contexts.fill([asked], now, addresses)
    if 0 not in found:
        raise rendering.NotRendered("", _("This patient's card was deleted or merged."))
    return found[0]


class NotSent(ValueError):
    """The test was not sent; the message says why, without the address."""


def send_test(
    template: Template, written: Written, patient: Patient | None, offer: Offer | None, to: str, now: dt.datetime
) -> None:
    """Send what is being typed to the writer, marked as a test. It stands in no ledger and counts nowhere."""
    compiled = compile_written(template, written)
    if compiled.broken:
        raise NotSent(compiled.problems[0].message)
    try:
        filled = rendering.render(compiled, values_for(compiled, written.language, patient, offer, now))
        channel = accounts.channel(template.channel)
    except (rendering.NotRendered, ValueError) as error:
        raise NotSent(str(error)) from error
    mark = _("[Test]")
    # A number of its own that no row of the ledger ever gets: reports about it find nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT -(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        (number,) = cursor.fetchone() or (-1,)
    envelope = Envelope(
        message_id=number, key=f"test{-number}", to=to, language=written.language,
        subject=f"{mark} {filled.subject}" if template.channel == "email" else "",
        text=filled.plain if template.channel == "email" else f"{mark} {filled.plain}",
        html=filled.html,
    )  # fmt: skip
    try:
        with channel.open() as session:
            receipts = list(session.send([envelope]))
    except (OSError, ValueError) as error:
        raise NotSent(_("The channel cannot be reached: %(why)s") % {"why": error}) from error
    if not receipts or receipts[0].status != Status.ACCEPTED:
        raise NotSent(_("The provider did not take it: %(why)s") % {"why": receipts[0].error if receipts else "—"})

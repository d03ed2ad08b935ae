"""The texts on the preference page: the clinic's own or ours, with a version that can be proven later (F9)."""

import hashlib
from dataclasses import dataclass

from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import ConsentText, Policy, Purpose


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as the patient reads it."""

    purpose: str
    language: str
    text: str

    @property
    def version(self) -> str:
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return f"page-{self.language}-{self.purpose}-{digest}"


def shown(purpose: str, language: str, policy: Policy) -> Shown:
    """The clinic's text from the rules of sending, else ours; {clinic} and {details} are filled in."""
    own = getattr(policy, f"consent_{purpose}" + ("_en" if language == "en" else ""))
    with translation.override(language):
        text = own or _ours(purpose)
        clinic = policy.clinic_name or _("the clinic")
    for place, value in (("{clinic}", clinic), ("{details}", policy.clinic_details)):
        text = text.replace(place, value)
    return Shown(purpose, language, " ".join(text.split()))


def _ours(purpose: str) -> str:
    if purpose == Purpose.MARKETING:
        return _(
            "I agree that {clinic} sends me advertising about its services, news and offers through the ways of "
            "contact ticked here. The consent is voluntary, holds until I withdraw it and is no condition of "
            "treatment. I can withdraw it at any time on this page or by the link in every message."
        )
    return _(
        "{clinic} sends me messages about my own visits: reminders, confirmations, changes of time, results that are "
        "ready. There is no advertising in them."
    )


def keep(text: Shown) -> str:
    """Store the text once; returns its version."""
    ConsentText.objects.bulk_create(
        [ConsentText(version=text.version, language=text.language, purpose=text.purpose, text=text.text)],
        ignore_conflicts=True,
    )
    return text.version

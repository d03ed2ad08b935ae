"""Systems that post facts and read segments: registered, recognised by their token, seen."""

import hmac
from collections.abc import Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from patients.models import Integration
from patients.services.tokens import issue_token, token_hash

SEEN_EVERY = timedelta(minutes=1)


class AlreadyExists(Exception):
    """The code is taken and no new token was asked for."""


@transaction.atomic
def create_integration(
    code: str, scopes: Sequence[str], *, name: str = "", implied_payments: bool = False, rotate: bool = False
) -> tuple[Integration, str]:
    """Register a source and return it with its token, which is shown only now.

    With `rotate` an existing one gets a new token; the old one stops working at once.
    """
    unknown = sorted(set(scopes) - set(Integration.Scope.values))
    if unknown or not scopes:
        known = ", ".join(Integration.Scope.values)
        raise ValidationError(_("Scopes are some of: %(known)s.") % {"known": known})
    integration = Integration.objects.select_for_update().filter(code=code).first()
    if integration is not None and integration.token_hash and not rotate:
        raise AlreadyExists(code)
    integration = integration or Integration(code=code)
    integration.scopes = sorted(set(scopes))
    integration.name = name or integration.name
    integration.implied_payments = implied_payments or integration.implied_payments
    integration.full_clean(validate_unique=False)
    integration.save()
    return integration, issue_token(integration)


def by_token(token: str) -> Integration | None:
    """The source this token belongs to, active or not. Looked up by hash, then compared in constant time."""
    digest = token_hash(token)
    found = Integration.objects.filter(token_hash=digest).first()
    return found if found is not None and hmac.compare_digest(found.token_hash, digest) else None


def seen(integration: Integration) -> None:
    """Note that the source is alive, at most once a minute, so that busy sources do not rewrite their row."""
    now = timezone.now()
    if integration.last_seen_at is None or now - integration.last_seen_at >= SEEN_EVERY:
        stale = Q(last_seen_at__isnull=True) | Q(last_seen_at__lt=now - SEEN_EVERY)
        Integration.objects.filter(stale, pk=integration.pk).update(last_seen_at=now)

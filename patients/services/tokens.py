"""Tokens of integrations: made here, shown once, kept as a hash."""

import hashlib
import secrets

from patients.models import Integration


def token_hash(token: str) -> str:
    """SHA-256 in hex. The token has 256 random bits, so a slow password hash would add nothing but time."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue_token(integration: Integration) -> str:
    """A new token for the integration; the one before stops working at once. Returned once, kept nowhere."""
    token = secrets.token_urlsafe(32)
    integration.token_hash = token_hash(token)
    integration.save(update_fields=["token_hash"])
    return token

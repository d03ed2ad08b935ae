"""Administration of integrations, the catalogue and, read-only, of facts."""

from patients.admin import catalogue, facts, intake, integrations, plans

__all__ = ["catalogue", "facts", "intake", "integrations", "plans"]

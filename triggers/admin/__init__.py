"""Pages of the admin: one module per topic."""

from triggers.admin import records, rules

__all__ = ["records", "rules"]

"""Pages of the admin: one module per topic."""

from campaigns.admin import channels, ledger, policy

__all__ = ["channels", "ledger", "policy"]

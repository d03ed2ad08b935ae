"""The back-test of a rule: what it would have done in a past period, by the very code that runs it live."""

from triggers.services.backtest.running import run

__all__ = ["run"]

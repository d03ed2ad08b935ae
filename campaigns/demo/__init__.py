"""A year of campaigns for the demonstration clinic, with visits that follow a planted truth. See docs/results.md.

from campaigns.demo import history
history.seed(as_of=date(2026, 11, 21), rng_seed=1)
"""

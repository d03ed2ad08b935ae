"""Rules of the demonstration clinic that have been on for months, with visits that follow a planted truth. See
docs/demo.md.

from triggers.demo import history
history.seed(as_of=date(2026, 11, 21), rng_seed=1)      # before the nights of the last two years
history.go_on(as_of=date(2026, 11, 21), rng_seed=1)     # after them: the rules are switched on
"""

"""The demo clinic: a believable network of clinics, generated in arrays and loaded by COPY. See docs/demo.md.

    from patients import demo
    demo.seed(patients=400, years=3, seed=7, as_of=date(2026, 3, 2))

Nothing in the blocks knows the database: `plan` -> `people` -> `threads` -> `visits` -> `bills`, `voices` are numpy
only; `rows`, `tables` and `loader` bring them in.
"""

from patients.demo.loader import SOURCE, NotEmpty, load, seed
from patients.demo.plan import Plan

__all__ = ["SOURCE", "NotEmpty", "Plan", "load", "seed"]

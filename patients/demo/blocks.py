"""A block of patients with everything that happened to them: the generator without a database."""

from typing import NamedTuple

from patients.demo.bills import Items, Payments, Totals, items_and_totals, payments
from patients.demo.changes import Changes, changes
from patients.demo.courses import Packages, packages
from patients.demo.people import People, people
from patients.demo.plan import Plan
from patients.demo.threads import Threads, threads_and_steps
from patients.demo.visits import Visits, visits
from patients.demo.voices import Answers, Words, answers, consents


class Block(NamedTuple):
    """Rows refer to each other by their position in the block."""

    number: int
    people: People
    threads: Threads
    visits: Visits
    items: Items
    totals: Totals
    payments: Payments
    answers: Answers
    consents: Words
    packages: Packages
    changes: Changes


def generate(plan: Plan, number: int) -> Block:
    """Block `number` of the plan; depends on nothing else."""
    rng = plan.rng(number)
    who = people(plan, number, rng)
    threads, steps = threads_and_steps(plan, who, rng)
    seen = visits(plan, who, threads, steps, rng)
    items, totals = items_and_totals(plan, who, threads, seen, rng)
    paid = payments(plan, who, threads, seen, totals, rng)
    said = answers(plan, who, seen, rng)
    words = consents(plan, who, rng)
    bought = packages(threads, seen, items, paid)
    return Block(number, who, threads, seen, items, totals, paid, said, words, bought, changes(plan, who, seen, rng))

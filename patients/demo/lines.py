"""Care lines: what patients come for, in what rhythm, and with what probability they come back.

A patient follows one main line and perhaps others. A line is a sequence of visits `cycle` days apart (scattered by
`spread`, the sigma of a log-normal factor); after the first visit the patient is lost with `first_loss`, after each
later one with `step_loss`.
"""

from typing import NamedTuple

from patients.demo import catalogue as c

Choice = tuple[tuple[str, float], ...]


class Line(NamedTuple):
    code: str
    specialty: str
    cycle: float
    first_loss: float
    step_loss: float
    services: Choice  # the main service of a visit, by weight
    spread: float = 0.25
    longest: int = 200  # visits at most
    opening: Choice = ()  # the main service of the first visit, when it differs
    extras: Choice = ()  # what is added to it
    extra_rate: float = 0.0
    quantity: tuple[int, int] = (1, 1)
    summer: float = 1.0  # share of visits that still happens in July and August
    package: bool = False  # paid up front as a course
    discounts: float = 0.25  # share of visits with an ordinary discount
    in_order: bool = False  # services follow one another visit by visit
    word: float = 0.25  # how often the doctor names the day of return


_LINES = (
    Line(
        "care", c.COSMETOLOGIST, 25, 0.19, 0.021,
        (("S02", 0.22), ("S03", 0.12), ("S04", 0.14), ("S06", 0.14), ("S10", 0.08), ("S11", 0.1), ("S12", 0.06),
         ("S13", 0.06), ("S16", 0.12), ("S05", 0.03), ("S15", 0.03)),
        opening=(("S01", 0.4), ("S02", 0.4), ("S16", 0.2)), extra_rate=0.32, summer=0.8, spread=0.35,
        extras=(("S11", 0.3), ("S12", 0.2), ("S16", 0.25), ("S04", 0.1), ("S07", 0.1), ("S25", 0.05)),
    ),
    Line(
        "botulinum", c.COSMETOLOGIST, 146, 0.19, 0.045, (("S08", 1.0),), quantity=(20, 90), extra_rate=0.35,
        extras=(("S07", 0.45), ("S09", 0.25), ("S01", 0.2), ("S14", 0.04), ("S10", 0.06)), spread=0.18, word=0.4,
    ),
    Line(
        "permanent", c.BROWS, 450, 0.30, 0.12, (("S19", 1.0),), opening=(("S17", 0.65), ("S18", 0.35)),
        spread=0.11, word=0.3, discounts=0.2,
    ),
    Line(
        "laser", c.LASER, 38, 0.16, 0.05, (("S20", 0.35), ("S21", 0.35), ("S22", 0.15), ("S23", 0.15)),
        longest=8, extra_rate=0.45, extras=(("S22", 0.7), ("S23", 0.3)), spread=0.09, summer=0.85, package=True,
    ),
    Line(
        "hygiene", c.HYGIENIST, 184, 0.22, 0.055, (("S31", 1.0),), opening=(("S31", 0.75), ("S30", 0.25)),
        extra_rate=0.22, extras=(("S43", 0.5), ("S44", 0.2), ("S35", 0.1), ("S45", 0.2)), spread=0.14, word=0.5,
    ),
    Line(
        "treatment", c.DENTIST, 13, 0.22, 0.2, (("S32", 0.6), ("S33", 0.14), ("S34", 0.1), ("S36", 0.1),
        ("S37", 0.06)), opening=(("S30", 0.55), ("S32", 0.45)), longest=7, extra_rate=0.4,
        extras=(("S44", 0.7), ("S45", 0.3)), spread=0.4, word=0.15, discounts=0.15,
    ),
    Line(
        "braces", c.ORTHODONTIST, 36, 0.12, 0.01, (("S39", 1.0),), opening=(("S38", 1.0),), longest=22,
        extra_rate=0.15, extras=(("S45", 0.5), ("S43", 0.5)), spread=0.14, word=0.6, discounts=0.1,
    ),
    Line(
        "kids", c.KIDS, 165, 0.22, 0.065, (("S40", 0.45), ("S42", 0.35), ("S41", 0.2)), extra_rate=0.35,
        extras=(("S41", 0.55), ("S43", 0.45)), spread=0.2, word=0.4,
    ),
    Line(
        "gynaecology", c.GYNAECOLOGIST, 362, 0.25, 0.11, (("S50", 1.0),), extra_rate=0.72,
        extras=(("S73", 0.32), ("S52", 0.2), ("S87", 0.3), ("S83", 0.12), ("S54", 0.06)), spread=0.12, word=0.4,
        discounts=0.1,
    ),
    Line(
        "gynaecology_again", c.GYNAECOLOGIST, 30, 0.45, 0.45, (("S51", 1.0),), longest=4, extra_rate=0.3,
        extras=(("S73", 0.5), ("S83", 0.5)), spread=0.4, discounts=0.08,
    ),
    Line(
        "pregnancy", c.GYNAECOLOGIST, 26, 0.14, 0.02, (("S53", 1.0),), longest=10, extra_rate=0.55,
        extras=(("S73", 0.4), ("S80", 0.3), ("S81", 0.2), ("S88", 0.1)), spread=0.15, word=0.6, discounts=0.08,
    ),
    Line(
        "heart", c.CARDIOLOGIST, 95, 0.18, 0.035, (("S61", 1.0),), opening=(("S60", 1.0),), extra_rate=0.6,
        extras=(("S62", 0.42), ("S71", 0.16), ("S63", 0.08), ("S85", 0.2), ("S76", 0.14)), spread=0.22, word=0.55,
        discounts=0.1,
    ),
    Line(
        "checkup", c.THERAPIST, 364, 0.30, 0.12, (("S65", 0.35), ("S64", 0.65)), extra_rate=0.85,
        extras=(("S80", 0.3), ("S81", 0.25), ("S70", 0.2), ("S62", 0.15), ("S88", 0.1)), spread=0.1, word=0.4,
        discounts=0.1,
    ),
    Line(
        "tests", c.NURSE, 120, 0.42, 0.2, (("S80", 0.28), ("S81", 0.22), ("S82", 0.14), ("S84", 0.1), ("S85", 0.12),
        ("S88", 0.14)), longest=8, extra_rate=0.75, extras=(("S89", 0.7), ("S88", 0.15), ("S81", 0.15)), spread=0.5,
        word=0.0, discounts=0.12,
    ),
    Line(
        "ultrasound", c.ULTRASOUND, 300, 0.6, 0.35, (("S70", 0.5), ("S72", 0.35), ("S76", 0.15)), longest=4,
        extra_rate=0.2, extras=(("S72", 1.0),), spread=0.3, word=0.0, discounts=0.08,
    ),
    Line(
        "prostate", c.ULTRASOUND, 362, 0.4, 0.2, (("S75", 1.0),), extra_rate=0.6, extras=(("S86", 1.0),),
        spread=0.12, discounts=0.05,
    ),
    Line(
        "conscript", c.CARDIOLOGIST, 6, 0.25, 0.4, (("S60", 1.0), ("S71", 1.0), ("S81", 1.0)), longest=3,
        extra_rate=0.7, extras=(("S62", 0.5), ("S80", 0.5)), spread=0.4, in_order=True, word=0.0, discounts=0.04,
    ),
    Line(
        "certificate", c.DESK, 365, 0.62, 0.35, (("S90", 0.5), ("S91", 0.36), ("S92", 0.14)), spread=0.03, word=0.0,
        discounts=0.05,
    ),
)  # fmt: skip

# Ultrasound and tests of a line are not the work of its own doctor: who does the service of these groups.
SPECIALTY_OF_GROUP = {c.ULTRASOUNDS: c.ULTRASOUND, c.LABORATORY: c.NURSE}

LINES = _LINES
LINE_INDEX = {line.code: position for position, line in enumerate(LINES)}


class Kind(NamedTuple):
    """A kind of patient: who they are and what brings them."""

    code: str
    share: float
    line: str
    female: float
    ages: tuple[int, int]
    deals: bool = False  # discounts are usual here: hunters and coupons come for these
    others: tuple[tuple[str, float], ...] = ()  # lines that may follow, each with its probability


KINDS = (
    Kind("lead", 0.06, "", 0.72, (18, 62)),
    Kind("care", 0.215, "care", 0.94, (20, 62), True, (
        ("botulinum", 0.28), ("laser", 0.12), ("permanent", 0.08), ("gynaecology", 0.10), ("hygiene", 0.10),
        ("tests", 0.08), ("certificate", 0.06))),
    Kind("botulinum", 0.11, "botulinum", 0.86, (30, 65), True, (
        ("care", 0.36), ("permanent", 0.08), ("gynaecology", 0.10), ("hygiene", 0.10), ("checkup", 0.06),
        ("certificate", 0.04))),
    Kind("permanent", 0.05, "permanent", 0.97, (20, 58), True, (("care", 0.30), ("botulinum", 0.16), ("laser", 0.14))),
    Kind("laser", 0.095, "laser", 0.80, (18, 46), True, (
        ("care", 0.40), ("permanent", 0.08), ("gynaecology", 0.16), ("hygiene", 0.12), ("botulinum", 0.08))),
    Kind("hygiene", 0.10, "hygiene", 0.52, (18, 72), True, (
        ("treatment", 0.42), ("checkup", 0.08), ("heart", 0.05), ("care", 0.10), ("tests", 0.05))),
    Kind("treatment", 0.065, "treatment", 0.52, (18, 75), True, (
        ("hygiene", 0.62), ("care", 0.08), ("tests", 0.05), ("checkup", 0.08))),
    Kind("braces", 0.025, "braces", 0.62, (12, 34), False, (("hygiene", 0.35), ("care", 0.05))),
    Kind("child", 0.065, "kids", 0.49, (3, 14), False, ()),
    Kind("gynaecology", 0.085, "gynaecology", 1.0, (18, 62), False, (
        ("gynaecology_again", 0.4), ("care", 0.14), ("tests", 0.14), ("laser", 0.06), ("ultrasound", 0.1))),
    Kind("pregnancy", 0.02, "pregnancy", 1.0, (21, 42), False, (("tests", 0.5), ("gynaecology", 0.35))),
    Kind("heart", 0.05, "heart", 0.50, (42, 82), False, (
        ("tests", 0.3), ("ultrasound", 0.12), ("prostate", 0.15), ("checkup", 0.08))),
    Kind("checkup", 0.025, "checkup", 0.48, (30, 66), False, (
        ("prostate", 0.2), ("gynaecology", 0.2), ("hygiene", 0.12), ("heart", 0.1))),
    Kind("tests", 0.02, "tests", 0.62, (18, 70), False, (("checkup", 0.08), ("ultrasound", 0.1))),
    Kind("ultrasound", 0.02, "ultrasound", 0.64, (18, 72), False, (("checkup", 0.06), ("tests", 0.1))),
    Kind("prostate", 0.008, "prostate", 0.0, (42, 75), False, (("heart", 0.12), ("checkup", 0.12))),
    Kind("conscript", 0.013, "conscript", 0.0, (17, 18)),
    Kind("certificate", 0.009, "certificate", 0.25, (24, 56), False, (("hygiene", 0.1),)),
)  # fmt: skip
KIND_INDEX = {kind.code: position for position, kind in enumerate(KINDS)}
FEMALE_ONLY = ("gynaecology", "gynaecology_again", "pregnancy", "permanent")
MALE_ONLY = ("prostate", "conscript")

"""After how many days patients come again for a service: Kaplan-Meier over the time from one use to the next."""

SEXES = ("female", "male")
# Ages in full years on the day of the use, both ends inclusive.
BANDS: tuple[tuple[int, int | None], ...] = ((0, 17), (18, 29), (30, 44), (45, 59), (60, None))

# Below this share of uses that are followed by another one, nobody is to be told that the service is due again.
MOSTLY = 0.5
# (third quartile − first quartile) ÷ median. 1.58 for events that come at any time (exponential), 0.7 for a log-normal
# rhythm scattered by half.
WIDEST = 1.0
# Stages of one treatment follow within days; the next one is booked at the visit.
SHORTEST = 14


def band_of(age: int | None) -> int | None:
    """Index into BANDS of an age in full years."""
    if age is None or age < 0:
        return None
    return sum(age > to for _from, to in BANDS if to is not None)


def why_unused(days: int, days_from: int, days_to: int, returning: float) -> str:
    """Why an interval is no reason to call a patient: "seldom", "any_time", "course"; empty: it is one."""
    if returning < MOSTLY:
        return "seldom"
    if days < SHORTEST:
        return "course"
    return "any_time" if days_to - days_from > WIDEST * days else ""

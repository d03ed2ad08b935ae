"""The rules that are on in the demonstration clinic and what each of them truly does. All others wait, switched off."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """`starter`: the ready rule. `days`: for how long it has been on; longer than a night looks back. `lift`: the
    uplift it truly has, as a difference of shares of those who come within its window; they come for `service` (a code
    of the catalogue). `moves`: it reads memberships, which are there after the nights only."""

    starter: str
    days: int
    lift: float = 0.0
    service: str = ""
    holdout: int | None = None
    moves: bool = False


STORIES = (
    # Those that bring visits first: the others meet what they brought.
    Story("prescribed_return", 250, 0.09, "S64", holdout=10),
    Story("no_show", 240, 0.12, "S02", holdout=20),
    Story("dental_hygiene", 270, 0.16, "S31", holdout=25),
    Story("pmu_correction", 210, 0.15, "S19", holdout=20),
    Story("package_nearly_used", 150, 0.10, "S11", holdout=10),
    Story("welcome_series", 230),
    Story("birthday", 200),  # long enough for its groups not to differ much by chance
    Story("review_request", 90),
    Story("appointment_reminder", 40),
    Story("falling_value", 180, moves=True),
)

"""What a campaign brought, in one line of a list. The page of the results says the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from campaigns.attribution import Estimate, Group, Verdict, estimate
from patients import wording


@dataclass(frozen=True)
class Short:
    """`figure`: the difference of shares in points, or how many came; `note`: may it be believed; `tone`: good, bad."""

    figure: str
    note: str
    tone: str = ""


def in_short(results: Mapping[str, Mapping[str, Any]], holdout_percent: int) -> Short | None:
    """From the figures of the treated and the hold-out; nothing before the first night after the launch."""
    treated = results.get("treated")
    if treated is None:
        return None
    found = estimate(
        Group.of(treated), Group.of(results.get("holdout")),
        complete=bool(treated.get("final")), planned_holdout=holdout_percent > 0,
    )  # fmt: skip
    return of_estimate(found)


def of_estimate(found: Estimate) -> Short | None:
    """The same of any comparison with a hold-out."""
    if found.verdict == Verdict.NOTHING_YET:
        return None
    return Short(_figure(found), _note(found), _TONES.get(found.verdict, ""))


_TONES = {Verdict.GAIN: "good", Verdict.HARM: "bad"}


def _figure(found: Estimate) -> str:
    if found.difference is not None:
        return wording.points(found.difference.value)
    return _("%(n)s came") % {"n": wording.number(found.treated.came)}


def _note(found: Estimate) -> str:
    return {
        Verdict.GAIN: _("visits gained, proven"),
        Verdict.HARM: _("visits lost, proven"),
        Verdict.RUNNING: _("so far, the window is open"),
        Verdict.SMALL: _("too few to tell"),
        Verdict.NOT_SHOWN: _("may be chance"),
        Verdict.NO_HOLDOUT: _("no hold-out: not provable"),
        Verdict.NOTHING_YET: "",
    }[found.verdict]

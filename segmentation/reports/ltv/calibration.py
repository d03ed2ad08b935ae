"""A forecast of the past beside what happened: pictures and a verdict in words."""

from typing import Any, Literal

from django.utils.translation import gettext as _

from patients import wording
from patients.models import AcquisitionChannel
from segmentation.models import Calibration, LtvFit
from segmentation.reports.pictures import Picture

Trust = Literal["good", "fair", "poor", "none"]
# Of what was expected; forecasts of repeat buying published for this model miss by about as much.
GOOD, FAIR = 0.10, 0.25


def why_not(code: str) -> str:
    """Why a model could not be fitted, in words."""
    words = {
        "too_few": _("too few patients have come"),
        "too_short": _("the visits cover too short a time"),
        "no_repeats": _("nobody has come again yet"),
        "not_converged": _("the model does not fit these visits"),
        "degenerate": _("the visits do not tell the parameters of the model apart"),
    }
    return words.get(code, code)


def how(method: str) -> str:
    """How the parameters were found, in words."""
    words = {
        "ml": _("fitted to the visits of the clinic alone"),
        "prior": _("fitted to the visits of the clinic with prior knowledge from other clinics and shops"),
        "formula": _("not fitted: formula only"),
    }
    return words.get(method, method)


def missed(found: Calibration) -> float | None:
    """How far what happened is from what was expected: 0.04 — 4 % more came."""
    return found.actual_visits / found.expected_visits - 1 if found.expected_visits else None


def missed_money(found: Calibration) -> float | None:
    return float(found.actual_money / found.expected_money) - 1 if found.expected_money else None


def trust(found: Calibration | None) -> Trust:
    """How far the sums of visits and of money were missed, and whether the best tenth came more than the rest."""
    off = missed(found) if found else None
    if found is None or off is None or found.method == LtvFit.Method.FORMULA:
        return "none"
    worst = max(abs(off), abs(missed_money(found) or 0.0))
    if worst <= GOOD and (found.correlation or 0) >= 0.3:
        return "good"
    return "fair" if worst <= FAIR else "poor"


def headline(found: Calibration | None) -> str:
    """Whether the forecast can be believed, by what has happened: the sums first, then the tenths."""
    if found is None:
        return _(
            "No forecast of the past has been compared with what happened yet: the night does it every four weeks."
        )
    if trust(found) == "none":
        return _("The forecast could not be checked: %(why)s.") % {"why": why_not(found.reason)}
    return " ".join(filter(None, [_sums(found), _tenths(found)]))


def _sums(found: Calibration) -> str:
    off = wording.signed_share(missed(found) or 0.0)
    off_money = missed_money(found)
    by = _("visits %(off)s") if off_money is None else _("visits %(off)s, money %(off_money)s")
    by %= {"off": off, "off_money": wording.signed_share(off_money)}
    said = {
        "day": wording.day(found.split_on), "expected": wording.number(found.expected_visits),
        "actual": wording.number(found.actual_visits), "by": by, "good": wording.share(GOOD),
    }  # fmt: skip
    if trust(found) == "good":
        return (
            _(
                "The forecast holds in sum, within ±%(good)s: made for %(day)s, it expected %(expected)s visits, and "
                "%(actual)s happened (%(by)s)."
            )
            % said
        )
    if trust(found) == "fair":
        return (
            _(
                "The forecast is right in order, not in sum: made for %(day)s, it expected %(expected)s visits, and "
                "%(actual)s happened (%(by)s)."
            )
            % said
        )
    return (
        _(
            "Do not believe the sums of this forecast: made for %(day)s, it expected %(expected)s visits, and "
            "%(actual)s happened (%(by)s)."
        )
        % said
    )


def _tenths(found: Calibration) -> str:
    """What does not hold: the tenths that differ by more than chance. Up to one of ten is chance itself."""
    held, of = within_chance(found)
    if of - held <= of * GOOD:
        return ""
    return _(
        "Not every group holds: in %(missed)s of %(of)s tenths of the patients the visits differ by more than chance, "
        "so plan by the sum and by who comes first, not by the number of one group."
    ) % {"missed": wording.number(of - held), "of": wording.number(of)}


def deciles(found: Calibration, what: Literal["visits", "money"] = "visits") -> Picture:
    """Tenths of the patients by what was expected of them: expected and happened."""
    rows = sorted(found.figures.get("deciles", []), key=lambda row: -row["decile"])
    money = what == "money"
    kind = "money" if money else "decimal"
    expected, actual = f"expected_{what}", f"actual_{what}"
    bounds = [] if money else [[row.get("low"), row.get("high")] for row in rows]
    per = [max(row["patients"], 1) for row in rows]
    title = _("Money by tenths of patients") if money else _("Visits by tenths of patients")
    table = [
        [n, row["patients"], row.get(expected), row.get(actual), *([] if money else [row.get("low"), row.get("high")])]
        for n, row in enumerate(rows, start=1)
    ]  # fmt: skip
    limits: list[tuple[str, str]] = [] if money else [(_("not less than"), "decimal"), (_("not more than"), "decimal")]
    return Picture(
        key=f"deciles_{what}",
        title=title,
        note=_("Per patient; the first tenth are those of whom most was expected"),
        columns=[
            (_("Tenth"), "number"), (_("Patients"), "number"), (_("Expected in all"), kind), (_("Happened"), kind),
            *limits,
        ],
        rows=table,
        config={
            "kind": "columns", "axis": _("tenths of the patients, best first"),
            "names": [str(n + 1) for n in range(len(rows))],
            "series": [
                {"name": _("Expected"), "unit": kind,
                 "data": [_share(row.get(expected), n) for row, n in zip(rows, per, strict=True)]},
                {"name": _("Happened"), "unit": kind, "interval": _per(bounds, per),
                 "data": [_share(row.get(actual), n) for row, n in zip(rows, per, strict=True)]},
            ],
        },
        height=300,
    )  # fmt: skip


def _share(value: float | None, of: int) -> float | None:
    return None if value is None else float(value) / of


def _per(bounds: list[list[Any]], per: list[int]) -> list[list[float] | None] | None:
    """The bounds of each tenth, per patient."""
    if not bounds:
        return None
    return [
        None if low is None or high is None else [low / n, high / n] for (low, high), n in zip(bounds, per, strict=True)
    ]


def weeks(found: Calibration) -> Picture:
    """Visits since the day of the forecast, summed week by week."""
    rows = found.figures.get("by_week", [])
    return Picture(
        key="weeks",
        title=_("Visits week by week"),
        note=_("Summed since the day the forecast was made for"),
        columns=[(_("Week"), "number"), (_("Expected"), "decimal"), (_("Happened"), "number")],
        rows=[[row["week"], row.get("expected"), row.get("actual")] for row in rows],
        config={
            "kind": "lines", "axis": _("weeks since the forecast"), "unit": "number",
            "series": [
                {"name": _("Expected"), "data": [[0, 0], *([row["week"], row.get("expected")] for row in rows)],
                 "dashed": True},
                {"name": _("Happened"), "data": [[0, 0], *([row["week"], row.get("actual")] for row in rows)]},
            ],
        },
        height=300,
    )  # fmt: skip


def by_visits(found: Calibration) -> Picture:
    """Mean visits after the day of the forecast, by how often a patient had come again before."""
    rows = found.figures.get("by_visits", [])
    per = [max(row["patients"], 1) for row in rows]
    return Picture(
        key="by_visits",
        title=_("Visits by what was before"),
        note=_("Per patient, by the number of repeat visits before the forecast"),
        columns=[
            (_("Repeat visits before"), "text"), (_("Patients"), "number"), (_("Expected in all"), "decimal"),
            (_("Happened"), "number"),
        ],
        rows=[[row["visits_before"], row["patients"], row.get("expected"), row.get("actual")] for row in rows],
        config={
            "kind": "columns", "axis": _("repeat visits before"),
            "names": [str(row["visits_before"]) for row in rows],
            "series": [
                {"name": _("Expected"), "unit": "decimal",
                 "data": [_share(row.get("expected"), n) for row, n in zip(rows, per, strict=True)]},
                {"name": _("Happened"), "unit": "decimal",
                 "data": [_share(row.get("actual"), n) for row, n in zip(rows, per, strict=True)]},
            ],
        },
        height=300,
    )  # fmt: skip


def by_channel(found: Calibration) -> Picture:
    """Expected and happened by acquisition channel, which the forecast does not know."""
    names = dict(AcquisitionChannel.objects.values_list("pk", "name"))
    rows = sorted(found.figures.get("by_channel", []), key=lambda row: -row["patients"])
    return Picture(
        key="by_channel",
        title=_("By acquisition channel"),
        note=_("The forecast knows visits and payments, not channels: here is where that matters"),
        columns=[
            (_("Channel"), "text"), (_("Patients"), "number"),
            (_("Visits expected"), "number"), (_("Visits happened"), "number"), (_("Visits missed by"), "change"),
            (_("Money expected"), "money"), (_("Money happened"), "money"), (_("Money missed by"), "change"),
            (_("In words"), "text"),
        ],
        rows=[
            [
                names.get(row["channel"], _("not known")), row["patients"],
                row["expected_visits"], row["actual_visits"], _off(row["actual_visits"], row["expected_visits"]),
                row["expected_money"], row["actual_money"], _off(row["actual_money"], row["expected_money"]),
                _chance(row),
            ]
            for row in rows
        ],
    )  # fmt: skip


def _off(actual: float, expected: float | None) -> float | None:
    return actual / expected - 1 if expected else None


def _chance(row: dict[str, Any]) -> str:
    """Whether the channel was missed by more than chance, in visits or in money."""
    visits = _side(row["expected_visits"], row["low"], row["high"])
    money = _side(row["expected_money"], row["money_low"], row["money_high"])
    return {
        (0, 0): _("within chance"),
        (1, 1): _("more came and was paid than expected"),
        (1, 0): _("more came than expected"),
        (0, 1): _("more was paid than expected"),
        (-1, -1): _("less came and was paid than expected"),
        (-1, 0): _("less came than expected"),
        (0, -1): _("less was paid than expected"),
    }.get((visits, money), _("visits and money differ to different sides"))


def _side(expected: float | None, low: float | None, high: float | None) -> int:
    """1: surely more happened than was expected; −1: surely less; 0: within chance, or not known."""
    if expected is None or low is None or high is None:
        return 0
    return (low > expected) - (high < expected)


def history(all_of_them: list[Calibration]) -> Picture:
    """Every comparison that is stored."""
    return Picture(
        key="history",
        title=_("Comparisons so far"),
        note=_("Plus: more happened than was expected"),
        columns=[
            (_("Forecast for"), "date"), (_("Compared on"), "date"), (_("Patients"), "number"),
            (_("Visits expected"), "number"), (_("Visits happened"), "number"), (_("Visits missed by"), "change"),
            (_("Money expected"), "money"), (_("Money happened"), "money"), (_("Money missed by"), "change"),
            (_("Correlation"), "text"),
        ],
        rows=[
            [one.split_on, one.as_of, one.customers, one.expected_visits, one.actual_visits, missed(one),
             one.expected_money, one.actual_money, missed_money(one),
             wording.number(one.correlation, 2) if one.correlation is not None else None]
            for one in all_of_them
        ],
    )  # fmt: skip


def within_chance(found: Calibration) -> tuple[int, int]:
    """In how many tenths the expectation lies within the interval of what happened, of how many."""
    rows = [row for row in found.figures.get("deciles", []) if row.get("low") is not None]
    return sum(row["low"] <= row["expected_visits"] <= row["high"] for row in rows), len(rows)

"""Ways to ask about one value of a patient: a number, a day, one of several, yes or no."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from segmentation.attributes.base import Ask, Attribute, Field, Leaf, Operator, Part, Plain, Row, _
from segmentation.attributes.windows import Span, coming, past

METRICS, SCORE, FORECAST = "segmentation_metrics", "segmentation_score", "segmentation_forecast"
AGO = Field("value", "days", _("when"), required=True)
AHEAD = replace(AGO, ahead=True)
DATE = Field("value", "date", _("day"), required=True)
Says = Callable[[Any], str]


def held(table: str, sql: str) -> Part:
    """A condition on the card (no table) or on a row beside it."""
    return Row(table, sql) if table else Plain(sql)


def _named(message: str) -> Says:
    return lambda phrase: phrase.text(message)


def _valued(phrase: Any) -> str:
    return str(phrase.labelled())


def number(
    code: str, group: str, label: str, column: str, *, table: str = METRICS, unit: str = "", whole: bool = True,
    least: float = 0, most: float = 10**12, nullable: bool = False, help: str = "", missing: str = "",
) -> Attribute:  # fmt: skip
    """A number or a sum. `missing` is said of patients who have none."""
    one = Field("value", "number", label, least=least, most=most, whole=whole, unit=unit, required=True)

    def compared(sign: str) -> Callable[[Leaf, Ask], Part]:
        return lambda leaf, ask: held(table, f"{column} {sign} {ask.value(Decimal(str(leaf['value'])))}")

    def between(leaf: Leaf, ask: Ask) -> Part:
        low, high = (ask.value(Decimal(str(border))) for border in leaf["value"])
        return held(table, f"{column} BETWEEN {low} AND {high}")

    operators = [
        Operator("at_least", _("at least"), (one,), compared(">="), _valued),
        Operator("at_most", _("at most"), (one,), compared("<="), _valued),
        Operator("between", _("from … to"), (replace(one, kind="range"),), between, _valued),
        Operator("exactly", _("exactly"), (one,), compared("="), _valued),
    ]
    if nullable:
        operators += existence(column, table, missing, label)
    return Attribute(code, group, label, tuple(operators), help, nightly=bool(table))


def existence(column: str, table: str, missing: str, label: str) -> list[Operator]:
    """Whether the value is there at all."""
    there = f"{column} IS NOT NULL"

    def unknown(_leaf: Leaf, _ask: Ask) -> Part:
        return Row(table, there, negated=True) if table else Plain(f"{column} IS NULL")

    return [
        Operator("known", _("is known"), (), lambda _leaf, _ask: held(table, there), lambda phrase: phrase.known()),
        Operator("unknown", _("is not known"), (), unknown, _named(missing) if missing else lambda p: p.unknown()),
    ]


def day(
    code: str, group: str, label: str, column: str, *, table: str = METRICS, ahead: bool = False, back: bool = True,
    help: str = "", missing: str = "",
) -> Attribute:  # fmt: skip
    """A day, asked for by how long ago or how far ahead it is, or by the calendar."""

    def within(span_of: Callable[[Leaf, Ask], Span]) -> Callable[[Leaf, Ask], Part]:
        return lambda leaf, ask: held(table, between_days(column, span_of(leaf, ask), ask))

    def calendar(since: bool) -> Callable[[Leaf, Ask], Span]:
        def span(leaf: Leaf, _ask: Ask) -> Span:
            chosen = datetime.date.fromisoformat(leaf["value"])
            return Span(chosen, None) if since else Span(None, chosen)

        return span

    operators = []
    if back:
        ago = within(lambda leaf, ask: past(ask.as_of, leaf["value"]))
        operators.append(Operator("ago", _("ago"), (AGO,), ago, _valued))
    if ahead:
        soon = within(lambda leaf, ask: coming(ask.as_of, leaf["value"]))
        operators.append(Operator("ahead", _("ahead"), (AHEAD,), soon, _valued))
    operators += [
        Operator("since", _("on this day or later"), (DATE,), within(calendar(since=True)), _valued),
        Operator("until", _("on this day or earlier"), (DATE,), within(calendar(since=False)), _valued),
        *existence(column, table, missing, label),
    ]
    return Attribute(code, group, label, tuple(operators), help, nightly=bool(table))


def between_days(column: str, span: Span, ask: Ask) -> str:
    """The column is a day of the span; never NULL."""
    borders = [f"{column} IS NOT NULL"]
    if span.first:
        borders.append(f"{column} >= {ask.value(span.first)}::date")
    if span.last:
        borders.append(f"{column} <= {ask.value(span.last)}::date")
    return " AND ".join(borders)


def chosen(
    code: str, group: str, label: str, column: str, *, table: str = "", source: str = "",
    choices: tuple[tuple[str, str], ...] = (), texts: bool = False, help: str = "",
) -> Attribute:  # fmt: skip
    """One of several: things of the clinic, codes, or texts."""
    kind, sql_type = ("texts", "text") if texts else ("ids", "bigint") if source else ("choices", "text")
    one = Field("value", kind, label, source=source, choices=choices, required=True)
    there = f"{column} IS NOT NULL" + (f" AND {column} <> ''" if not source else "")

    def inside(leaf: Leaf, ask: Ask) -> Part:
        return held(table, f"{column} IS NOT NULL AND {ask.any_of(column, leaf['value'], sql_type)}")

    def outside(leaf: Leaf, ask: Ask) -> Part:
        same = ask.any_of(column, leaf["value"], sql_type)
        return Row(table, same, negated=True) if table else Plain(f"({column} IS NULL OR NOT {same})")

    def unknown(_leaf: Leaf, _ask: Ask) -> Part:
        return Row(table, there, negated=True) if table else Plain(f"NOT ({there})")

    operators = (
        Operator("in", _("one of"), (one,), inside, _valued),
        Operator("not_in", _("none of"), (one,), outside, _valued),
        Operator("known", _("is known"), (), lambda _leaf, _ask: held(table, f"({there})"), lambda p: p.known()),
        Operator("unknown", _("is not known"), (), unknown, lambda p: p.unknown()),
    )
    return Attribute(code, group, label, operators, help, nightly=bool(table))


def flag(code: str, group: str, label: str, condition: str, yes: str, no: str, help: str = "") -> Attribute:
    """Yes or no, about the card."""
    operators = (
        Operator("yes", _("yes"), (), lambda _leaf, _ask: Plain(f"({condition})"), _named(yes)),
        Operator("no", _("no"), (), lambda _leaf, _ask: Plain(f"NOT ({condition})"), _named(no)),
    )
    return Attribute(code, group, label, operators, help)

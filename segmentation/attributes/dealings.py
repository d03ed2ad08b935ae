"""Money paid, discounts taken, words said, consents given. Facts, right at this moment."""

import datetime
from dataclasses import replace
from decimal import Decimal
from typing import Any

from segmentation.attributes.base import Ask, Attribute, Field, Leaf, Members, Operator, Part, _
from segmentation.attributes.events import (
    AGO,
    BRANCH,
    COUNT,
    ago,
    counted,
    days,
    facts,
    facts_to_group,
    guessed_half,
    moments,
)  # fmt: skip
from segmentation.attributes.windows import Span

KIND = Field(
    "kind", "choices", _("kind of payment"),
    choices=(("single", _("single")), ("package", _("package")), ("refund", _("refund"))),
)  # fmt: skip
SUM = Field("value", "number", _("sum"), least=-(10**12), whole=False, unit="₽", required=True)
SUMS = replace(SUM, kind="range")
PROMO = Field("promo", "texts", _("promo codes"))
SCORE = Field("value", "range", _("score"), most=10, required=True)
CHANNELS = Field(
    "value", "choices", _("channels"), required=True,
    choices=(("email", _("e-mail")), ("sms", _("SMS")), ("call", _("call")), ("messenger", _("messenger")),
             ("push", _("push"))),
)  # fmt: skip
PURPOSE = Field(
    "purpose", "choice", _("purpose"),
    choices=(("marketing", _("advertising")), ("service", _("service messages"))),
)  # fmt: skip


def _payments(leaf: Leaf, ask: Ask) -> list[str]:
    where = ["fact.deleted_at IS NULL", *days("fact.paid_on", ago(leaf, ask), ask)]
    if leaf.get("kind"):
        where.append(ask.any_of("fact.kind", leaf["kind"], "text"))
    return where


def _paid(leaf: Leaf, ask: Ask) -> Part:
    return counted(ask, "patients_payment", _payments(leaf, ask), leaf)


def _summed(sign: str) -> Any:
    """Payments minus refunds. Whoever has paid nothing has paid 0."""

    def build(leaf: Leaf, ask: Ask) -> Part:
        borders = leaf["value"] if isinstance(leaf["value"], list) else [leaf["value"]]
        low, high = (Decimal(str(borders[0])), Decimal(str(borders[-1])))
        holds = {">=": low <= 0, "<=": high >= 0, "between": low <= 0 <= high}[sign]
        amount = ", CASE WHEN fact.kind = 'refund' THEN -fact.amount ELSE fact.amount END AS amount"
        rows = facts_to_group(ask, "patients_payment", amount, _payments(leaf, ask))
        total = "sum(amount)"
        asked = {
            ">=": f"{total} >= {ask.value(low)}",
            "<=": f"{total} <= {ask.value(high)}",
            "between": f"{total} BETWEEN {ask.value(low)} AND {ask.value(high)}",
        }[sign]
        # Those without a payment are in no row: when 0 is what is asked for, the others are ruled out instead.
        having = f"NOT ({asked})" if holds else asked
        return Members(f"SELECT id FROM ({rows}) paid GROUP BY id HAVING {having}", negated=holds)

    return build


def _discounted(leaf: Leaf, ask: Ask) -> Part:
    where = ["fact.deleted_at IS NULL", "fact.status = 'completed'", *days("fact.starts_on", ago(leaf, ask), ask)]
    if leaf.get("branch"):
        where.append(ask.any_of("fact.branch_id", leaf["branch"], "int"))
    if leaf["is"] == "promo":
        codes = [code.strip().lower() for code in leaf.get("promo") or ()]
        where.append(ask.any_of("lower(fact.promo_code)", codes, "text") if codes else "fact.promo_code <> ''")
    else:
        where.append("fact.discount > 0")
    return counted(ask, "patients_visit", where, leaf)


def _complained(leaf: Leaf, ask: Ask) -> Part:
    where = ["fact.complaint", *moments("fact.given_at", ago(leaf, ask), ask)]
    return counted(ask, "patients_feedback", where, leaf)


def _answered(leaf: Leaf, ask: Ask) -> Part:
    """Some answer within the window, or the last of all if it is within the window, with a score of the range."""
    low, high = (ask.value(int(border)) for border in leaf["value"])
    span, scored = ago(leaf, ask), f"fact.score BETWEEN {low} AND {high}"
    if leaf["is"] == "any":
        return Members(facts(ask, "patients_feedback", "", [scored, *moments("fact.given_at", span, ask)]))
    known = ["fact.score IS NOT NULL", *moments("fact.given_at", Span(span.first, ask.as_of), ask)]
    rows = facts_to_group(ask, "patients_feedback", ", fact.given_at, fact.score", known)
    inside = guessed_half([scored, *moments("fact.given_at", span, ask)])
    return Members(
        f"SELECT fact.id FROM (SELECT DISTINCT ON (id) * FROM ({rows}) answers "
        f"ORDER BY id, given_at DESC, score DESC) fact WHERE {inside}"
    )


def _consented(said: str) -> Any:
    """The word in force at the end of the day, on any of the channels."""

    def build(leaf: Leaf, ask: Ask) -> Part:
        end = ask.morning(ask.as_of + datetime.timedelta(days=1))
        where = [
            f"purpose = {ask.value(leaf.get('purpose') or 'marketing')}",
            ask.any_of("channel", leaf["value"], "text"),
            f"at < {end}",
        ]
        if said in ("given", "not_given"):
            where += ["granted", f"(until IS NULL OR until >= {end})"]
        elif said == "refused":
            where += ["NOT granted", f"(until IS NULL OR until >= {end})"]
        query = f"SELECT patient_id AS id FROM patients_consent WHERE {' AND '.join(where)}"
        return Members(query, negated=said in ("not_given", "never_asked"))

    return build


def _event(nouns: dict[str, str]) -> Any:
    return lambda phrase: phrase.event(nouns, "any")


DEALINGS = (
    Attribute(
        "paid", "money", _("Paid in a period"),
        (
            Operator("at_least", _("at least"), (SUM, AGO, KIND), _summed(">="), lambda p: p.summed()),
            Operator("at_most", _("at most"), (SUM, AGO, KIND), _summed("<="), lambda p: p.summed()),
            Operator("between", _("from … to"), (SUMS, AGO, KIND), _summed("between"), lambda p: p.summed()),
        ),
        _("Payments minus refunds; whoever has paid nothing has paid 0 ₽."),
    ),
    Attribute(
        "payment", "money", _("Payment"),
        (
            Operator(
                "any", _("has paid"), (COUNT, AGO, KIND), _paid,
                _event({"any": _("made a payment"), "none": _("made no payment")}),
            ),
        ),
    ),
    Attribute(
        "discount", "money", _("Discount"),
        (
            Operator(
                "any", _("came with a discount"), (COUNT, AGO, BRANCH), _discounted,
                _event({"any": _("came with a discount"), "none": _("came without any discount")}),
            ),
            Operator(
                "promo", _("used a promo code"), (PROMO, COUNT, AGO, BRANCH), _discounted,
                _event({"any": _("used a promo code"), "none": _("did not use a promo code")}),
            ),
        ),
    ),
    Attribute(
        "score", "opinion", _("Score of an answer"),
        (
            Operator("last", _("the last one"), (SCORE, AGO), _answered, lambda p: p.answer(_("last score"))),
            Operator("any", _("any"), (SCORE, AGO), _answered, lambda p: p.answer(_("a score"))),
        ),
        _("“Would you recommend us”, from 0 to 10."),
    ),
    Attribute(
        "complaint", "opinion", _("Complaint"),
        (
            Operator(
                "any", _("has complained"), (COUNT, AGO), _complained,
                _event({"any": _("complained"), "none": _("did not complain")}),
            ),
        ),
    ),
    Attribute(
        "consent", "contact", _("Consent"),
        (
            Operator("given", _("given"), (CHANNELS, PURPOSE), _consented("given"),
                     lambda p: p.consent(_("agrees to %(purpose)s by %(channels)s"))),
            Operator("not_given", _("not given"), (CHANNELS, PURPOSE), _consented("not_given"),
                     lambda p: p.consent(_("has not agreed to %(purpose)s by %(channels)s"))),
            Operator("refused", _("refused"), (CHANNELS, PURPOSE), _consented("refused"),
                     lambda p: p.consent(_("has refused %(purpose)s by %(channels)s"))),
            Operator("never_asked", _("never asked"), (CHANNELS, PURPOSE), _consented("never_asked"),
                     lambda p: p.consent(_("has said nothing about %(purpose)s by %(channels)s"))),
        ),
        _("The word in force now; without a word there is no consent."),
    ),
)  # fmt: skip

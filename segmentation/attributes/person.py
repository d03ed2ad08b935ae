"""What the card of a patient says."""

import datetime
from collections.abc import Callable

from segmentation.attributes.base import Ask, Attribute, Field, Leaf, Operator, Part, Plain, _
from segmentation.attributes.events import moments
from segmentation.attributes.figures import AGO, AHEAD, DATE, chosen, flag
from segmentation.attributes.windows import Span, anniversaries, coming, month_of, past, shifted

SEXES = (("female", _("female")), ("male", _("male")))
LANGUAGES = (("ru", _("Russian")), ("en", _("English")))
_BORN = "{p}.birth_date IS NOT NULL"


def _age() -> Attribute:
    """Full years on the day: who is 25 turned 25 on the day or before, and will turn 26 after it."""
    one = Field("value", "number", _("years"), most=130, unit="years", required=True)
    both = Field("value", "range", _("years"), most=130, unit="years", required=True)

    def at_least(ask: Ask, years: float) -> str:
        return f"{{p}}.birth_date <= {ask.value(shifted(ask.as_of, -int(years), 'years'))}::date"

    def at_most(ask: Ask, years: float) -> str:
        return f"{{p}}.birth_date > {ask.value(shifted(ask.as_of, -int(years) - 1, 'years'))}::date"

    def sql(low: bool, high: bool) -> Callable[[Leaf, Ask], Part]:
        def build(leaf: Leaf, ask: Ask) -> Part:
            value = leaf["value"]
            first, last = value if isinstance(value, list | tuple) else (value, value)
            borders = [at_least(ask, first)] * low + [at_most(ask, last)] * high
            return Plain(f"({' AND '.join([_BORN, *borders])})")

        return build

    operators = (
        Operator("between", _("from … to"), (both,), sql(True, True), lambda p: p.labelled()),
        Operator("at_least", _("at least"), (one,), sql(True, False), lambda p: p.labelled()),
        Operator("at_most", _("at most"), (one,), sql(False, True), lambda p: p.labelled()),
        Operator("exactly", _("exactly"), (one,), sql(True, True), lambda p: p.labelled()),
        Operator("known", _("is known"), (), lambda _leaf, _ask: Plain(_BORN), lambda p: p.known()),
        Operator("unknown", _("is not known"), (), lambda _leaf, _ask: Plain(f"NOT ({_BORN})"), lambda p: p.unknown()),
    )
    return Attribute("age", "patient", _("Age"), operators)


def _birthday() -> Attribute:
    number = "(extract(month FROM {p}.birth_date) * 100 + extract(day FROM {p}.birth_date))::int"

    def sql(span: Callable[[Leaf, Ask], Span]) -> Callable[[Leaf, Ask], Part]:
        return lambda leaf, ask: Plain(
            f"({_BORN} AND {ask.any_of(number, anniversaries(span(leaf, ask)), 'int')})"
        )  # fmt: skip

    operators = (
        Operator(
            "ahead", _("ahead"), (AHEAD,), sql(lambda leaf, ask: coming(ask.as_of, leaf["value"])),
            lambda p: p.labelled(),
        ),
        Operator(
            "this_month", _("this month"), (), sql(lambda _leaf, ask: month_of(ask.as_of)),
            lambda p: p.text(_("birthday this month")),
        ),
        Operator(
            "next_month", _("next month"), (), sql(lambda _leaf, ask: month_of(ask.as_of, 1)),
            lambda p: p.text(_("birthday next month")),
        ),
        Operator(
            "ago", _("ago"), (AGO,), sql(lambda leaf, ask: past(ask.as_of, leaf["value"])), lambda p: p.labelled()
        ),
    )  # fmt: skip
    return Attribute(
        "birthday", "patient", _("Birthday"), operators,
        _("Whoever was born on 29 February has their day on the 28th in common years."),
    )  # fmt: skip


def _registered() -> Attribute:
    column = "{p}.registered_at"

    def sql(span: Callable[[Leaf, Ask], Span]) -> Callable[[Leaf, Ask], Part]:
        def build(leaf: Leaf, ask: Ask) -> Part:
            return Plain(f"({' AND '.join([f'{column} IS NOT NULL', *moments(column, span(leaf, ask), ask)])})")

        return build

    def since(leaf: Leaf, _ask: Ask) -> Span:
        return Span(datetime.date.fromisoformat(leaf["value"]), None)

    def until(leaf: Leaf, _ask: Ask) -> Span:
        return Span(None, datetime.date.fromisoformat(leaf["value"]))

    def back(leaf: Leaf, ask: Ask) -> Span:
        return past(ask.as_of, leaf["value"])

    operators = (
        Operator("ago", _("ago"), (AGO,), sql(back), lambda p: p.labelled()),
        Operator("since", _("on this day or later"), (DATE,), sql(since), lambda p: p.labelled()),
        Operator("until", _("on this day or earlier"), (DATE,), sql(until), lambda p: p.labelled()),
        Operator(
            "unknown", _("is not known"), (), lambda _leaf, _ask: Plain("{p}.registered_at IS NULL"),
            lambda p: p.unknown(),
        ),
    )  # fmt: skip
    return Attribute("registered", "patient", _("Registered"), operators, _("When the card was made."))


PERSON = (
    _age(),
    chosen("sex", "patient", _("Sex"), "{p}.sex", choices=SEXES),
    _birthday(),
    chosen("city", "patient", _("City"), "{p}.city", texts=True),
    chosen("home_branch", "patient", _("Home branch"), "{p}.branch_id", source="branch"),
    chosen("channel", "patient", _("Acquisition channel"), "{p}.channel_id", source="channel"),
    _registered(),
    chosen("language", "patient", _("Language"), "{p}.language", choices=LANGUAGES),
    flag(
        "guardian", "patient", _("Guardian"), "{p}.guardian_id IS NOT NULL",
        _("has a guardian"), _("has no guardian"), _("Somebody else reads the messages of this patient."),
    ),
    flag(
        "referred", "patient", _("Recommended by a patient"), "{p}.referred_by_id IS NOT NULL",
        _("came on a patient's recommendation"), _("did not come on a patient's recommendation"),
    ),
    flag("has_phone", "contact", _("Phone"), "{p}.phone <> ''", _("has a phone"), _("has no phone")),
    flag("has_email", "contact", _("E-mail"), "{p}.email <> ''", _("has an e-mail"), _("has no e-mail")),
)  # fmt: skip

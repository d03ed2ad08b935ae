"""Single conditions in words: numbers, windows, names, what happened. Messages are English; the language translates."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from segmentation.attributes.base import Attribute, Catalogue, Field, Leaf, Operator, Words, _

SHOWN_NAMES = 5


class Phrase:
    """A condition with its language. `negated`: the phrase is wanted for those for whom it does not hold; whoever
    says so in its own words sets `denied`."""

    def __init__(
        self, attribute: Attribute, operator: Operator, leaf: Leaf, catalogue: Catalogue, words: Words,
        negated: bool = False,
    ) -> None:  # fmt: skip
        self.attribute, self.operator, self.leaf = attribute, operator, leaf
        self.catalogue, self.words = catalogue, words
        self.negated, self.denied = negated, False

    def say(self) -> str:
        said: str = self.operator.says(self)
        if self.negated and not self.denied:
            return self.words.gettext("except: %(phrase)s") % {"phrase": said}
        return said

    def text(self, message: str, **values: Any) -> str:
        return self.words.gettext(message) % values if values else self.words.gettext(message)

    @property
    def label(self) -> str:
        """The label within a sentence: LTV stays as it is, others begin small."""
        label = self.words.gettext(self.attribute.label)
        return label if label[1:2].isupper() or label[1:2] == " " else label[:1].lower() + label[1:]

    def known(self) -> str:
        return self.text(_("%(label)s: known"), label=self.label)

    def unknown(self) -> str:
        return self.text(_("%(label)s: not known"), label=self.label)

    def labelled(self) -> str:
        """The label and the value: “age 25–55 years”, “visits in all: 3 or more”, “sex: female”."""
        field = next(one for one in self.operator.fields if one.name == "value")
        if field.kind in ("days", "date") or field.unit == "years":
            return f"{self.label} {self.value(field)}"
        if self.operator.code == "not_in":
            self.denied = self.negated
            message = _("%(label)s: %(value)s") if self.negated else _("%(label)s: not %(value)s")
            return self.text(message, label=self.label, value=self.value(field))
        return self.text(_("%(label)s: %(value)s"), label=self.label, value=self.value(field))

    def value(self, field: Field) -> str:
        value = self.leaf[field.name]
        if field.kind in ("number", "range"):
            return self._quantity(value, field)
        if field.kind == "days":
            return window(value, self.words, ahead=field.ahead)
        if field.kind == "date":
            day = self.words.day(datetime.date.fromisoformat(value))
            message = _("on %(day)s or later") if self.operator.code == "since" else _("on %(day)s or earlier")
            return self.text(message, day=day)
        return self.named(field)

    def _quantity(self, value: Any, field: Field) -> str:
        low, high = value if isinstance(value, list | tuple) else (value, value)
        if field.unit == "years":
            return years(self.operator.code, int(low), int(high), self.words)

        def written(number: Any) -> str:
            if field.unit == "₽":
                return self.words.money(number)
            return f"{self.words.number(number)}\u00a0%" if field.unit == "%" else self.words.number(number)

        if self.operator.code == "between":
            return self.text(_("from %(low)s to %(high)s"), low=written(low), high=written(high))
        message = {"at_least": _("%(value)s or more"), "at_most": _("%(value)s or less")}.get(self.operator.code)
        return self.text(message, value=written(low)) if message else written(low)

    def named(self, field: Field) -> str:
        """The choices of a field: “A”, “B” or “C”."""
        chosen = self.leaf[field.name]
        if field.kind in ("choice", "choices"):
            labels = dict(field.choices)
            codes = [chosen] if isinstance(chosen, str) else chosen
            return either([self.words.gettext(labels[code]) for code in codes], self.words)
        if field.kind == "ids":
            self.catalogue.learn(field.source, chosen)
            # A thing that is no longer there is named by its number, so that the sentence can still be read.
            names = [self.catalogue.name(field.source, one) or f"№ {one}" for one in chosen]
        else:
            names = list(chosen)
        return either([self.text(_("“%(name)s”"), name=name) for name in names], self.words)

    def field(self, name: str) -> Field | None:
        """A field of the operator that has been filled in."""
        found = next((one for one in self.operator.fields if one.name == name), None)
        return found if found and self.leaf.get(name) else None

    def event(self, nouns: Mapping[str, str], which: str) -> str:
        """What happened, how often, when, where and to whom: “first service of the group “X” 12–18 months ago”."""
        state = self.leaf.get("state") or "completed"
        key = which if state == "completed" else state
        count = self.leaf.get("count") or {}
        never = count.get("at_most") == 0
        if "none" in nouns and key == "any" and (self.negated != never) and (never or not count):
            key, self.denied = "none", self.negated
        said = self.text(nouns[key], what=self._services()) if "%(what)s" in nouns[key] else self.text(nouns[key])
        return " ".join(filter(None, [said, *self._circumstances(nouns, which, key != "none" and bool(count))]))

    def membership(self, message: str) -> str:
        """“entered the segment “X” within the last 30 days”."""
        field = next(one for one in self.operator.fields if one.name == "value")
        said = self.text(message, names=self.named(field))
        return " ".join([said, *self._circumstances({}, "", with_count=False)])

    def summed(self) -> str:
        """“paid 10 000 ₽ or more within the last year”."""
        said = self.text(_("paid %(sum)s"), sum=self.value(next(one for one in self.operator.fields)))
        return " ".join([said, *self._circumstances({}, "", with_count=False)])

    def answer(self, noun: str) -> str:
        """“last answer 0–6 within the last 30 days”."""
        low, high = self.leaf["value"]
        score = self.words.number(low) if low == high else f"{self.words.number(low)}–{self.words.number(high)}"
        return " ".join([self.text(noun), score, *self._circumstances({}, "", with_count=False)])

    def consent(self, message: str) -> str:
        """“agrees to advertising by e-mail or SMS”."""
        fields = {one.name: one for one in self.operator.fields}
        purpose = dict(fields["purpose"].choices)[self.leaf.get("purpose") or "marketing"]
        return self.text(message, purpose=self.words.gettext(purpose), channels=self.named(fields["value"]))

    def _circumstances(self, nouns: Mapping[str, str], which: str, with_count: bool) -> list[str]:
        parts = []
        if nouns and not any("%(what)s" in noun for noun in nouns.values()) and self._services():
            parts.append(self.text(_("for the service %(what)s"), what=self._services()))
        if with_count:
            parts.append(times(self.leaf["count"], self.words))
        for name in ("ago", "ahead"):
            field = self.field(name)
            if field:
                parts.append(window(self.leaf[name], self.words, ahead=field.ahead))
        for name, message in _PLACES.items():
            field = self.field(name)
            if field:
                parts.append(self.text(message, names=self.named(field)))
        return parts

    def _services(self) -> str:
        """“of the group “X””, ““Y””, or both."""
        said = []
        groups, services = self.field("groups"), self.field("services")
        if groups:
            count = len(self.leaf["groups"])
            message = self.words.ngettext("of the group %(names)s", "of the groups %(names)s", count)
            said.append(message % {"names": self.named(groups)})
        if services:
            said.append(self.named(services))
        return self.words.gettext(" or ").join(said)


_PLACES = {
    "branch": _("in the branch %(names)s"),
    "doctor": _("with the doctor %(names)s"),
    "kind": _("of the kind: %(names)s"),
    "purpose": _("for: %(names)s"),
    "promo": _("with the promo code %(names)s"),
    "from": _("from the segment %(names)s"),
}


def either(names: Sequence[str], words: Words) -> str:
    """“A”, “B” or “C”; beyond a handful the rest is counted."""
    if len(names) > SHOWN_NAMES:
        rest = len(names) - SHOWN_NAMES + 1
        message = words.ngettext("%(names)s or %(n)s more", "%(names)s or %(n)s more", rest)
        return message % {"names": ", ".join(names[: SHOWN_NAMES - 1]), "n": words.number(rest)}
    return ", ".join(names[:-1]) + words.gettext(" or ") + names[-1] if len(names) > 1 else "".join(names)


def years(operator: str, low: int, high: int, words: Words) -> str:
    if operator == "between":
        return words.ngettext("%(low)s–%(n)s year", "%(low)s–%(n)s years", high) % {"low": low, "n": high}
    if operator == "at_least":
        return words.ngettext("%(n)s year or more", "%(n)s years or more", low) % {"n": low}
    if operator == "at_most":
        return words.ngettext("%(n)s year or less", "%(n)s years or less", low) % {"n": low}
    return words.ngettext("%(n)s year", "%(n)s years", low) % {"n": low}


def times(count: Mapping[str, Any], words: Words) -> str:
    """How often."""
    low, high = count.get("at_least"), count.get("at_most")
    if high == 0:
        return words.gettext("not once")
    if high is None:
        return words.ngettext("%(n)s time or more", "%(n)s times or more", low or 1) % {"n": words.number(low or 1)}
    if not low:
        return words.ngettext("at most %(n)s time", "at most %(n)s times", high) % {"n": words.number(high)}
    if low == high:
        return words.ngettext("exactly %(n)s time", "exactly %(n)s times", high) % {"n": words.number(high)}
    return words.ngettext("%(low)s–%(n)s time", "%(low)s–%(n)s times", high) % {
        "low": words.number(low),
        "n": words.number(high),
    }


Counted = Callable[[Words, int], str]

_LAST: dict[str, Counted] = {
    "days": lambda w, n: w.ngettext("within the last %(n)s day", "within the last %(n)s days", n),
    "weeks": lambda w, n: w.ngettext("within the last %(n)s week", "within the last %(n)s weeks", n),
    "months": lambda w, n: w.ngettext("within the last %(n)s month", "within the last %(n)s months", n),
    "years": lambda w, n: w.ngettext("within the last %(n)s year", "within the last %(n)s years", n),
}
_AGO: dict[str, Counted] = {
    "days": lambda w, n: w.ngettext("%(n)s day ago", "%(n)s days ago", n),
    "weeks": lambda w, n: w.ngettext("%(n)s week ago", "%(n)s weeks ago", n),
    "months": lambda w, n: w.ngettext("%(n)s month ago", "%(n)s months ago", n),
    "years": lambda w, n: w.ngettext("%(n)s year ago", "%(n)s years ago", n),
}
_NEXT: dict[str, Counted] = {
    "days": lambda w, n: w.ngettext("within the next %(n)s day", "within the next %(n)s days", n),
    "weeks": lambda w, n: w.ngettext("within the next %(n)s week", "within the next %(n)s weeks", n),
    "months": lambda w, n: w.ngettext("within the next %(n)s month", "within the next %(n)s months", n),
    "years": lambda w, n: w.ngettext("within the next %(n)s year", "within the next %(n)s years", n),
}
_IN: dict[str, Counted] = {
    "days": lambda w, n: w.ngettext("in %(n)s day", "in %(n)s days", n),
    "weeks": lambda w, n: w.ngettext("in %(n)s week", "in %(n)s weeks", n),
    "months": lambda w, n: w.ngettext("in %(n)s month", "in %(n)s months", n),
    "years": lambda w, n: w.ngettext("in %(n)s year", "in %(n)s years", n),
}
_SINGLE = {
    ("days", False): _("today"), ("weeks", False): _("within the last week"),
    ("months", False): _("within the last month"), ("years", False): _("within the last year"),
    ("days", True): _("today"), ("weeks", True): _("within the next week"),
    ("months", True): _("within the next month"), ("years", True): _("within the next year"),
}  # fmt: skip


def window(value: Mapping[str, Any], words: Words, *, ahead: bool) -> str:
    """“12–18 months ago”, “within the last 30 days”, “in 2 weeks or later”."""
    start, end, unit = value.get("from") or 0, value.get("to"), value["unit"]
    if end == 1 and not start:
        return words.gettext(_SINGLE[unit, ahead])
    if end is not None and not start:
        return (_NEXT if ahead else _LAST)[unit](words, end) % {"n": words.number(end)}
    shape = (_IN if ahead else _AGO)[unit]
    if end is not None:
        return shape(words, end) % {"n": f"{words.number(start)}–{words.number(end)}"}
    if not start:
        return words.gettext("from today on") if ahead else words.gettext("up to today")
    later = words.gettext("%(when)s or later") if ahead else words.gettext("%(when)s or earlier")
    return later % {"when": shape(words, start) % {"n": words.number(start)}}

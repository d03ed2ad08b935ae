"""Words for what is wrong with a posted field, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# Type of a pydantic error, or a word of ours -> what to say. Parameters come from the error's context.
SAYINGS = {
    "missing": gettext_noop("This field is required."),
    "extra_forbidden": gettext_noop("There is no such field."),
    "model_type": gettext_noop("An object is expected."),
    "model_attributes_type": gettext_noop("An object is expected."),
    "dict_type": gettext_noop("An object is expected."),
    "list_type": gettext_noop("A list is expected."),
    "too_long": gettext_noop("At most %(max_length)s entries are allowed."),
    "string_type": gettext_noop("A text is expected."),
    "string_unicode": gettext_noop("The text is not valid Unicode."),
    "string_too_short": gettext_noop("This field may not be empty."),
    "string_too_long": gettext_noop("At most %(max_length)s characters are allowed."),
    "string_pattern_mismatch": gettext_noop("The text contains a NUL character."),
    "literal_error": gettext_noop("Must be one of: %(expected)s."),
    "bool_type": gettext_noop("Must be true or false."),
    "date": gettext_noop("A date YYYY-MM-DD between the years 1900 and 2099 is expected."),
    "time": gettext_noop("A time like 2026-03-01T10:30:00+03:00 between the years 1900 and 2099 is expected."),
    "money": gettext_noop("An amount between 0 and 9999999999.99 is expected."),
    "amount": gettext_noop(
        "An amount between 0 and 9999999999.99 is expected; for money paid back use the kind “refund”."
    ),
    "quantity": gettext_noop("A quantity between 0.01 and 999999.99 is expected."),
    "number": gettext_noop("A whole number in the allowed range is expected."),
    "timezone": gettext_noop("Unknown time zone; a name like Europe/Moscow is expected."),
    "address": gettext_noop("An address that begins with https:// or http:// is expected."),
    "phone": gettext_noop("This phone number is not valid; the patient was taken without it."),
    "email": gettext_noop("This e-mail address is not valid; the patient was taken without it."),
    "ages": gettext_noop("The lower age is above the upper one."),
    "package_days": gettext_noop("The package ends before it was bought."),
    "more_free": gettext_noop("More slots are free than there are in all."),
    "discount": gettext_noop("The discount is greater than quantity × price."),
    "total": gettext_noop("The sum is greater than 9999999999.99."),
    "itself": gettext_noop("A patient cannot refer to themselves here."),
    "circle": gettext_noop("These patients refer to each other in a circle."),
    "unknown_visit": gettext_noop("The visit is unknown; post it first, then replay this item."),
    "reserved": gettext_noop("Identifiers that start with “visit:” are kept for payments implied by visits."),
    "future": gettext_noop("The time of the change lies in the future."),
    "other_id": gettext_noop("Differs from the identifier in the address."),
    "nothing": gettext_noop("The value cannot be used."),
}


def say(kind: str, context: Mapping[str, Any] | None = None) -> str:
    """The sentence for one kind of error."""
    sentence = _(SAYINGS.get(kind, SAYINGS["nothing"]))
    if context and kind == "literal_error":
        # pydantic joins the words in English: 'booked', 'completed' or 'cancelled'.
        context = {"expected": str(context["expected"]).replace(" or ", ", ").replace("'", "")}
    return sentence % context if context and "%(" in sentence else sentence

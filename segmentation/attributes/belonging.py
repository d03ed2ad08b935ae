"""Segments: in which a patient is, was, and what moved."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from segmentation.attributes.base import Ask, Attribute, Field, Leaf, Members, Operator, Part, _
from segmentation.attributes.events import AGO, days
from segmentation.attributes.windows import Span, past

SEGMENTS = Field("value", "ids", _("segments"), source="segment", required=True)
FROM = replace(SEGMENTS, name="from", label=_("from the segments"), required=False)
WHEN = replace(AGO, required=True)


def _mine(column: str, codes: list[str], ask: Ask) -> str:
    return ask.any_of(column, ask.directory.segment_ids(codes), "bigint")


def _held(leaf: Leaf, ask: Ask, span: Span) -> str:
    """Memberships that lasted on some day of the span. One that was left on a day did not last on it any more.

    Two queries for two indexes: what is open, and what has been left.
    """
    mine = _mine("held.segment_id", leaf["value"], ask)
    begun = " AND ".join(days("held.entered_on", Span(None, span.last), ask))
    lasted = f"held.left_on > {ask.value(span.first)}::date" if span.first else "held.left_on IS NOT NULL"
    select = "SELECT held.patient_id AS id FROM segmentation_membership held WHERE"
    return (
        f"{select} {mine} AND held.left_on IS NULL AND {begun} UNION ALL "
        f"{select} {mine} AND held.left_on IS NOT NULL AND {lasted} AND {begun}"
    )


def _now(negated: bool) -> Callable[[Leaf, Ask], Part]:
    return lambda leaf, ask: Members(_held(leaf, ask, Span(ask.as_of, ask.as_of)), negated)


def _was(leaf: Leaf, ask: Ask) -> Part:
    return Members(_held(leaf, ask, past(ask.as_of, leaf["ago"]) if leaf.get("ago") else Span(None, ask.as_of)))


def _changed(day: str) -> Callable[[Leaf, Ask], Part]:
    def build(leaf: Leaf, ask: Ask) -> Part:
        where = [_mine("held.segment_id", leaf["value"], ask), *days(f"held.{day}", past(ask.as_of, leaf["ago"]), ask)]
        if leaf.get("from"):
            where.append(_mine("held.came_from_id", leaf["from"], ask))
        return Members(f"SELECT held.patient_id AS id FROM segmentation_membership held WHERE {' AND '.join(where)}")

    return build


def _says(message: str, denied: str = "") -> Callable[[Any], str]:
    def says(phrase: Any) -> str:
        chosen = message
        if denied and phrase.negated:
            chosen, phrase.denied = denied, True
        return str(phrase.membership(chosen))

    return says


_IN, _OUT = _("in the segment %(names)s"), _("not in the segment %(names)s")
BELONGING = (
    Attribute(
        "segment", "segments", _("Segment"),
        (
            Operator("in", _("is in one of"), (SEGMENTS,), _now(negated=False), _says(_IN, _OUT)),
            Operator("not_in", _("is in none of"), (SEGMENTS,), _now(negated=True), _says(_OUT, _IN)),
            Operator(
                "was_in", _("was in one of"), (SEGMENTS, AGO), _was, _says(_("has been in the segment %(names)s"))
            ),
            Operator(
                "entered", _("has entered"), (SEGMENTS, WHEN, FROM), _changed("entered_on"),
                _says(_("entered the segment %(names)s")),
            ),
            Operator(
                "left", _("has left"), (SEGMENTS, WHEN), _changed("left_on"), _says(_("left the segment %(names)s"))
            ),
        ),
        _("As of the last night. In the first night of a segmentation everybody enters."),
        nightly=True,
    ),
)  # fmt: skip

"""What the texts of a built-in segmentation consist of."""

from typing import NamedTuple


class Text(NamedTuple):
    ru: str
    en: str


class SegmentDefault(NamedTuple):
    code: str
    colour: str
    name: Text
    description: Text
    tactic: Text


class SegmentationDefault(NamedTuple):
    code: str
    kind: str
    name: Text
    description: Text
    segments: tuple[SegmentDefault, ...]

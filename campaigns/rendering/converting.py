"""A letter in blocks turned into the MJML it stands for, to be worked on by hand. There is no way back."""

import re

from campaigns.rendering import blocks
from campaigns.rendering.liquid_env import parse
from campaigns.rendering.problems import Problem
from campaigns.rendering.protecting import Protected

_RAW = re.compile(r"<mj-raw>(.*?)</mj-raw>", re.DOTALL)
_BEFORE = re.compile(r"(?=<(?:mj-(?:head|body|section|column|text|button|image|divider|attributes|all)\b|/mj-))")


def as_mjml(body: str, language: str) -> tuple[str, list[Problem]]:
    """MJML with the Liquid in it, a tag per line; or what is wrong with the text."""
    problems = parse(body, "body")
    if problems or blocks.is_mjml(body):
        return body, problems
    protected = Protected()
    mjml, problems = blocks.to_mjml(protected.hide(body), protected, language)
    # Written by hand, Liquid tags may stand between the bricks as they are.
    lines = _BEFORE.sub("\n", _RAW.sub(r"\n\1", mjml))
    return protected.restore(re.sub(r"\n{2,}", "\n", lines)).strip() + "\n", problems

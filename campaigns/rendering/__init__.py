"""From what a marketer wrote to what a patient reads: Liquid, MJML, names in their cases, SMS parts. No database."""

from campaigns.rendering.compiling import Compiled, compile_text
from campaigns.rendering.problems import ERROR, WARNING, Problem
from campaigns.rendering.program import NotRendered, Rendered, render, wants

__all__ = ["ERROR", "WARNING", "Compiled", "NotRendered", "Problem", "Rendered", "compile_text", "render", "wants"]

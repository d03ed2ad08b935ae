"""What is wrong with a text, where, and what to do about it."""

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` is subject, preheader or body; line and column begin with 1, 0 means the field as a whole.

    `where` names the template when a whole campaign is looked over. `message` is a sentence in the language of whoever
    asked (the active translation).
    """

    code: str
    severity: str
    field: str
    line: int
    message: str
    column: int = 0
    where: str = ""
    template_id: int | None = None

    @property
    def is_error(self) -> bool:
        return self.severity == ERROR


def place(source: str, index: int) -> tuple[int, int]:
    """Line and column, both from 1, of a position in a text."""
    before = source[: max(index, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

"""Liquid hidden from parsers of markup: every `{{ … }}` and `{% … %}` becomes a word of letters and digits.

A word survives escaping, addresses and attributes; afterwards `restore` puts the Liquid back exactly as written.
"""

import re
from bisect import bisect_right

from campaigns.rendering.liquid_env import pieces

WORD = re.compile(r"qLq(\d+)z")


class Protected:
    """Words standing for pieces of Liquid; several sources (preheader, body) may share one table."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.kinds: list[str] = []
        self._starts: list[tuple[int, int]] = []

    def word(self, liquid: str, kind: str = "output") -> str:
        self.kept.append(liquid)
        self.kinds.append(kind)
        return f"qLq{len(self.kept) - 1}z"

    def hide(self, source: str) -> str:
        """The source with words; positions in the result are translated back by `position`."""
        result, length = [], 0
        self._starts = []
        for piece in pieces(source):
            self._starts.append((length, piece.start))
            text = WORD.sub("", piece.text) if piece.kind == "text" else self.word(piece.text, piece.kind)
            result.append(text)
            length += len(text)
        return "".join(result)

    def position(self, index: int) -> int:
        """Where in the source last hidden a position of its hidden form is."""
        if not self._starts:
            return index
        at = bisect_right(self._starts, (index, 1 << 60)) - 1
        hidden, original = self._starts[max(at, 0)]
        return original + index - hidden

    def restore(self, text: str) -> str:
        return WORD.sub(lambda match: self.kept[int(match[1])], text)

    def is_tag(self, word: str) -> bool:
        match = WORD.fullmatch(word)
        return match is not None and self.kinds[int(match[1])] == "tag"

    def liquid(self, word: str) -> str:
        match = WORD.fullmatch(word.strip())
        return self.kept[int(match[1])] if match else ""

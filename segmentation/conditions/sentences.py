"""A checked tree as a sentence that a person might have written."""

from segmentation.attributes.base import Catalogue, Words
from segmentation.conditions.phrases import Phrase
from segmentation.conditions.tree import Tree, is_everybody


def sentence(tree: Tree, catalogue: Catalogue, language: str = "") -> str:
    """The tree in words; `language` "" is the reader's. Without a full stop, so that it may go on."""
    words = catalogue.words(language)
    said = _Teller(catalogue, words).say(tree) or words.gettext("all patients")
    return said[:1].upper() + said[1:]


class _Teller:
    def __init__(self, catalogue: Catalogue, words: Words) -> None:
        self.catalogue, self.words = catalogue, words

    def say(self, tree: Tree, *, negated: bool = False, nested: bool = False) -> str:
        if is_everybody(tree):
            return self.words.gettext("all patients") if nested or negated else ""
        if "not" in tree:
            return self.say(tree["not"], negated=not negated, nested=nested)
        if "attribute" in tree:
            attribute = self.catalogue.attributes[tree["attribute"]]
            operator = attribute.operator(tree["is"])
            assert operator is not None
            return Phrase(attribute, operator, tree, self.catalogue, self.words, negated).say()
        key = "all" if "all" in tree else "any"
        if len(tree[key]) == 1:
            return self.say(tree[key][0], negated=negated, nested=nested)
        if (negated and key == "all") or (negated and nested):
            inside = self.say(tree, nested=True)
            return self.words.gettext("except: %(phrase)s") % {"phrase": inside}
        if negated:  # none of them: each is left out by itself
            return self._joined([self.say(child, negated=True, nested=True) for child in tree[key]], "all", nested)
        return self._joined([self.say(child, nested=True) for child in tree[key]], key, nested)

    def _joined(self, parts: list[str], key: str, nested: bool) -> str:
        if not nested:
            return "; ".join(parts) if key == "all" else self.words.gettext("; or ").join(parts)
        text = (self.words.gettext(" and ") if key == "all" else self.words.gettext(" or ")).join(parts)
        return f"({text})"

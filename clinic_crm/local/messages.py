"""Finds the translatable strings of templates and Python code and keeps the catalogues in step with them.

The gettext programs are not needed: Django turns a template into calls of `gettext`, Python's own parser reads the
rest, `polib` reads and writes the catalogues. Source strings are English, so English needs only its plural forms.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from clinic_crm.local import state

TRANSLATED, SOURCE_LANGUAGE = ("ru",), "en"
_TEMPLATE_FILES = {".html", ".txt"}
_APPS = ("clinic_crm", "patients", "segmentation", "campaigns", "triggers")
_PLURAL_FORMS = {
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "en": "nplurals=2; plural=(n != 1);",
}
# Which arguments of a call are what: singular, plural, context.
_CALLS = {
    "_": (0, None, None),
    "gettext": (0, None, None),
    "pgettext": (1, None, 0),
    "ngettext": (0, 1, None),
    "npgettext": (1, 2, 0),
}
_TEMPLATE_STRING = r"u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
_TEMPLATE_CALL = re.compile(
    rf" (_|n?p?gettext)\((\s*{_TEMPLATE_STRING}(?:\s*,\s*{_TEMPLATE_STRING})*)\s*(?:,\s*count\s*)?\) "
)

Key = tuple[str | None, str]  # context and text: what a catalogue distinguishes entries by


@dataclass
class Message:
    """One string to translate and the files it is in. Without line numbers: they would change with every edit."""

    text: str
    plural: str = ""
    context: str | None = None
    files: set[str] = field(default_factory=set)


def extract(root: Path = state.BASE_DIR) -> dict[Key, Message]:
    """Every translatable string of the project."""
    found: dict[Key, Message] = {}
    for path in _sources(root):
        name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        messages = from_python(text) if path.suffix == ".py" else from_template(text, name)
        for message in messages:
            known = found.setdefault((message.context, message.text), message)
            known.plural = known.plural or message.plural
            known.files.add(name)
    return found


def from_python(text: str) -> Iterator[Message]:
    """Calls of `_`, `gettext`, `ngettext` and their relations with literal strings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from _from_call(name.removesuffix("_lazy").removesuffix("_noop"), node.args)


def from_template(text: str, name: str = "") -> Iterator[Message]:
    """`{% translate %}`, `{% blocktranslate %}` and `_("…")` inside tags."""
    for call, arguments in _TEMPLATE_CALL.findall(templatize(text, origin=name)):
        parsed = ast.parse(f"f({arguments.strip()})", mode="eval").body
        assert isinstance(parsed, ast.Call)
        yield from _from_call(call, parsed.args)


def problems(root: Path = state.BASE_DIR) -> list[str]:
    """What keeps the interface from being wholly translated, one line each."""
    found, lines = extract(root), []
    for language in (*TRANSLATED, SOURCE_LANGUAGE):
        catalogue = _open(root, language)
        entries = _by_key(catalogue)
        for key, message in sorted(_needed(found, language).items(), key=_by_text):
            entry = entries.get(key)
            if entry is None:
                what = "not in the catalogue"
            elif "fuzzy" in entry.flags:
                what = "fuzzy"
            elif not entry.translated():
                what = "not translated"
            elif _placeholders(entry.msgstr or entry.msgstr_plural.get(0, "")) - _placeholders(message.text):
                what = "names a placeholder the source does not have"
            else:
                continue
            lines.append(f"{language}: {what}: {message.text!r} ({', '.join(sorted(message.files))})")
    return lines


def update(root: Path = state.BASE_DIR) -> dict[str, tuple[int, int]]:
    """Add new strings to the catalogues and remove those gone; per language how many of each."""
    found, changes = extract(root), {}
    for language in (*TRANSLATED, SOURCE_LANGUAGE):
        needed, old = _needed(found, language), _open(root, language)
        known = _by_key(old)
        catalogue = _empty(root, language)
        for key, message in sorted(needed.items(), key=_by_text):
            catalogue.append(_entry(message, known.get(key), language))
        Path(catalogue.fpath).parent.mkdir(parents=True, exist_ok=True)
        catalogue.save()
        changes[language] = (len(needed.keys() - known.keys()), len(known.keys() - needed.keys()))
    return changes


def _sources(root: Path) -> Iterator[Path]:
    yield from (path for path in sorted((root / "templates").rglob("*")) if path.suffix in _TEMPLATE_FILES)
    for path in sorted(path for app in _APPS for path in (root / app).rglob("*")):
        folders = path.relative_to(root).parts
        is_code = path.suffix == ".py" and "migrations" not in folders
        if is_code or (path.suffix in _TEMPLATE_FILES and "templates" in folders):
            yield path


def _from_call(name: str, arguments: list[ast.expr]) -> Iterator[Message]:
    places = _CALLS.get(name)
    if places is None:
        return
    text, plural, context = (_literal(arguments, place) for place in places)
    if text:
        yield Message(text, plural or "", context)


def _literal(arguments: list[ast.expr], place: int | None) -> str | None:
    if place is None or place >= len(arguments):
        return None
    value = arguments[place]
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _needed(found: dict[Key, Message], language: str) -> dict[Key, Message]:
    if language != SOURCE_LANGUAGE:
        return found
    return {key: message for key, message in found.items() if message.plural}


def _entry(message: Message, known: polib.POEntry | None, language: str) -> polib.POEntry:
    entry = polib.POEntry(msgid=message.text, msgid_plural=message.plural, msgctxt=message.context)
    entry.occurrences = [(name, "") for name in sorted(message.files)]
    if re.search(r"%\(\w+\)|%[sd]", message.text):
        entry.flags.append("python-format")
    if known is not None:
        entry.msgstr, entry.tcomment = known.msgstr, known.tcomment
        entry.flags += [flag for flag in known.flags if flag not in entry.flags and flag != "python-format"]
    if message.plural:
        forms = 3 if language == "ru" else 2
        told = known.msgstr_plural if known is not None else {}
        entry.msgstr, entry.msgstr_plural = "", {form: told.get(form, "") for form in range(forms)}
        if language == SOURCE_LANGUAGE:
            entry.msgstr_plural = {0: message.text, 1: message.plural}
    return entry


def _path(root: Path, language: str) -> Path:
    return root / "locale" / language / "LC_MESSAGES" / "django.po"


def _open(root: Path, language: str) -> polib.POFile:
    path = _path(root, language)
    return polib.pofile(str(path)) if path.exists() else _empty(root, language)


def _empty(root: Path, language: str) -> polib.POFile:
    catalogue = polib.POFile(wrapwidth=110)
    catalogue.fpath = str(_path(root, language))
    catalogue.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Language": language,
        "Plural-Forms": _PLURAL_FORMS[language],
    }
    return catalogue


def _by_key(catalogue: polib.POFile) -> dict[Key, polib.POEntry]:
    return {(entry.msgctxt or None, entry.msgid): entry for entry in catalogue if not entry.obsolete}


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", text)) | set(re.findall(r"\{(\w+)\}", text))


def _by_text(item: tuple[Key, Message]) -> tuple[str, str]:
    (context, text), _message = item
    return (text, context or "")


def summary(changes: dict[str, tuple[int, int]]) -> Iterable[str]:
    """Words for the terminal."""
    return (f"{language}: {added} added, {removed} removed" for language, (added, removed) in changes.items())

"""Compiles the message catalogues without the gettext programs: `python -m clinic_crm.local.catalogues`."""

from pathlib import Path

import polib

from clinic_crm.local import state


def compile_catalogues(root: Path = state.BASE_DIR / "locale") -> list[Path]:
    """Compile what has changed since the last time; returns the files written."""
    written = []
    for source in sorted(root.rglob("LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            # Written aside and renamed: a server starting meanwhile must not read half a catalogue.
            unfinished = target.with_suffix(".mo.new")
            polib.pofile(str(source)).save_as_mofile(str(unfinished))
            unfinished.replace(target)
            written.append(target)
    return written


if __name__ == "__main__":
    compile_catalogues()

from pathlib import Path

import polib
import pytest

from clinic_crm.local import catalogues, messages


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "patients").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% load i18n %}{% translate "Patients" %} {% translate "May" context "month" %}'
        "{% blocktranslate count n=n %}{{ n }} visit{% plural %}{{ n }} visits{% endblocktranslate %}"
    )
    (tmp_path / "patients" / "views.py").write_text(
        'from x import gettext_lazy as _, ngettext\ntitle = _("Pa" "tients")\nngettext("%(n)s day", "%(n)s days", 2)\n'
    )
    return tmp_path


def catalogue(project: Path, language: str = "ru") -> polib.POFile:
    return polib.pofile(str(project / "locale" / language / "LC_MESSAGES" / "django.po"))


def test_strings_of_templates_and_code_are_found_once(project: Path) -> None:
    found = messages.extract(project)
    assert set(found) == {(None, "Patients"), ("month", "May"), (None, "%(n)s visit"), (None, "%(n)s day")}
    assert found[None, "Patients"].files == {"templates/page.html", "patients/views.py"}
    assert found[None, "%(n)s visit"].plural == "%(n)s visits"


def test_what_is_not_translated_is_reported_until_it_is(project: Path) -> None:
    assert any("not in the catalogue" in line for line in messages.problems(project))
    messages.update(project)
    assert {line.split(":")[0] for line in messages.problems(project)} == {"ru"}  # English speaks for itself
    russian = catalogue(project)
    for entry in russian:
        entry.msgstr = "" if entry.msgid_plural else "слово"
        entry.msgstr_plural = dict.fromkeys(entry.msgstr_plural, "%(n)s слов")
    russian.save()
    assert messages.problems(project) == []


def test_a_placeholder_that_does_not_exist_is_reported(project: Path) -> None:
    messages.update(project)
    russian = catalogue(project)
    russian.find("Patients").msgstr = "Пациенты %(n)s"
    russian.save()
    assert any("placeholder" in line for line in messages.problems(project))


def test_an_update_keeps_translations_and_drops_what_is_gone(project: Path) -> None:
    messages.update(project)
    russian = catalogue(project)
    russian.find("Patients").msgstr = "Пациенты"
    russian.save()
    (project / "templates" / "page.html").write_text("{% load i18n %}")
    assert messages.update(project)["ru"] == (0, 2)
    assert catalogue(project).find("Patients").msgstr == "Пациенты"


def test_catalogues_are_compiled_when_they_changed(project: Path) -> None:
    messages.update(project)
    assert [path.suffix for path in catalogues.compile_catalogues(project / "locale")] == [".mo", ".mo"]
    assert catalogues.compile_catalogues(project / "locale") == []

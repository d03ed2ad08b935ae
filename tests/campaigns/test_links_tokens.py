"""Tokens of links: who is refused first, then what they say."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from campaigns import links
from campaigns.models import Policy
from clinic_crm.local import state

PURPOSES: tuple[Any, ...] = ("unsubscribe", "preferences", "link")


def changed(word: str) -> list[str]:
    """Every word that differs from this one in one letter, and some that differ in length."""
    found = [
        word[:at] + other + word[at + 1 :] for at, letter in enumerate(word) for other in "0Az9_-é" if other != letter
    ]
    return [*found, "0" + word, word + "0", word[:-1], word[1:], word.lower(), word.upper(), word * 2]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_changed_token_is_not_read(purpose: Any) -> None:
    word = links.token(purpose, 123_456)
    forged = [other for other in changed(word) if other != word]
    assert len(forged) > 80
    assert [other for other in forged if links.read(other, purpose)] == []


@pytest.mark.parametrize("word", ["", "0", "1", " ", "\x00", "ы", "../", "1" * 5000, "AAAAAAAAAAAAAAAAA", "null", "-1"])
def test_rubbish_is_not_read(word: str) -> None:
    assert links.read(word, "link") is None


@pytest.mark.parametrize("made_for", PURPOSES)
def test_a_token_opens_one_kind_of_page_only(made_for: Any) -> None:
    word = links.token(made_for, 42)
    assert [purpose for purpose in PURPOSES if links.read(word, purpose)] == [made_for]


def test_random_tokens_are_not_read() -> None:
    chance = random.Random(5)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    words = ("".join(chance.choices(letters, k=17)) for _ in range(5_000))
    assert not any(links.read(word, "unsubscribe") for word in words)


@pytest.mark.parametrize("message_id", [1, 61, 62, 3843, 1_000_000, 2**63 - 1])
@pytest.mark.parametrize("position", [0, 1, links.POSITIONS - 1])
def test_what_was_signed_is_read_back(message_id: int, position: int) -> None:
    assert links.read(links.token("link", message_id, position), "link") == (message_id, position)
    assert links.read(links.token("unsubscribe", message_id), "unsubscribe") == (message_id, 0)


@pytest.mark.parametrize(("message_id", "position"), [(0, 0), (-1, 0), (1, -1), (1, links.POSITIONS)])
def test_what_cannot_be_read_back_is_not_signed(message_id: int, position: int) -> None:
    with pytest.raises(ValueError, match="no token"):
        links.token("link", message_id, position)


def test_tokens_of_an_earlier_key_are_read_while_it_is_listed(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "first", []
    word = links.token("preferences", 7)
    settings.SECRET_KEY = "second"
    assert links.read(word, "preferences") is None
    settings.SECRET_KEY_FALLBACKS = ["zeroth", "first"]
    assert links.read(word, "preferences") == (7, 0)
    assert links.token("preferences", 7) != word


def test_a_token_has_eighty_bits_of_signature_and_is_short() -> None:
    """Eighteen letters at a million messages: an SMS is paid by its letters."""
    assert links.MAC_BYTES * 8 >= 80
    assert len(links.token("unsubscribe", 1_000_000)) <= 18
    assert links.token("unsubscribe", 1_000_000).isalnum()


@pytest.mark.django_db
def test_links_begin_with_the_word_of_the_clinic_else_of_the_settings(settings: Any) -> None:
    settings.PUBLIC_URL = "https://portal.example/"
    assert links.base_url() == "https://portal.example"
    Policy.load()
    assert links.base_url() == "https://portal.example"
    Policy.objects.update(public_url="https://mail.clinic.example/")
    base = links.base_url()
    assert base == "https://mail.clinic.example"
    for url in (links.unsubscribe_url(base, 9), links.preferences_url(base, 9), links.link_url(base, 9, 2)):
        assert url.startswith("https://mail.clinic.example/")
        assert "9" not in url.rpartition("/")[0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://c.ru", "https://c.ru?utm_source=crm&utm_campaign=c5"),
        ("https://c.ru/a?b=1#top", "https://c.ru/a?b=1&utm_source=crm&utm_campaign=c5#top"),
        ("https://c.ru/?utm_campaign=own", "https://c.ru/?utm_campaign=own&utm_source=crm"),
        ("https://c.ru/?utm_campaign=&utm_source=x", "https://c.ru/?utm_campaign=&utm_source=x"),
        ("https://c.ru/?q=%D0%BB&x=a+b", "https://c.ru/?q=%D0%BB&x=a+b&utm_source=crm&utm_campaign=c5"),
    ],
)
def test_marks_are_added_and_nothing_else_is_touched(url: str, expected: str) -> None:
    assert links.with_marks(url, {"utm_source": "crm", "utm_content": "", "utm_campaign": "c5"}) == expected


def test_the_public_address_is_set_or_where_the_local_portal_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    assert state.public_url(tmp_path) == "http://localhost:8000"
    (tmp_path / state.STACK).write_text('{"web_url": "http://127.0.0.1:8123/"}')
    assert state.public_url(tmp_path) == "http://127.0.0.1:8123/"
    monkeypatch.setenv("PUBLIC_URL", "https://crm.clinic.example")
    assert state.public_url(tmp_path) == "https://crm.clinic.example"


def test_twenty_thousand_links_take_less_than_a_second() -> None:
    began = time.process_time()
    made = {links.link_url("https://c.example", number, 1) for number in range(1, 20_001)}
    assert len(made) == 20_000
    assert time.process_time() - began < 1

"""Signs by which a click of a machine is told from a person's, as tables."""

import datetime as dt

import pytest

from campaigns.machines import AT_ONCE, signs

SENT = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
LATER = SENT + dt.timedelta(minutes=20)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
PERSON = {"User-Agent": CHROME, "Accept": "text/html,application/xhtml+xml;q=0.9", "Accept-Language": "ru"}

PEOPLE = {
    "Chrome": CHROME,
    "iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Yandex": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
    "YaBrowser/24.6.0.0 Safari/537.36",
    "Samsung": "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-A546E) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
    "in an app": "Mozilla/5.0 (Linux; Android 13; M2101K6G; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/126.0.0.0 Mobile Safari/537.36 MailRuApp",
}
MACHINES = (
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "BarracudaCentral",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
    "python-requests/2.32",
    "curl/8.5.0",
    "Go-http-client/2.0",
    "Java/17.0.2",
)


@pytest.mark.parametrize("agent", PEOPLE.values(), ids=PEOPLE.keys())
def test_a_browser_is_a_person(agent: str) -> None:
    assert signs({**PERSON, "User-Agent": agent}, LATER, SENT) == []


@pytest.mark.parametrize("agent", MACHINES)
def test_a_program_that_names_itself_is_a_machine(agent: str) -> None:
    assert signs({**PERSON, "User-Agent": agent}, LATER, SENT) == ["agent"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"User-Agent": ""}, ["no_agent"]),
        ({"User-Agent": "  "}, ["no_agent"]),
        ({"Accept-Language": ""}, ["no_language"]),
        ({"Accept-Language": "*"}, ["no_language"]),
        ({"Accept": "*/*"}, ["no_html"]),
        ({"Accept": ""}, ["no_html"]),
        ({"Sec-Purpose": "prefetch;prerender"}, ["prefetch"]),
        ({"Purpose": "prefetch"}, ["prefetch"]),
        ({"X-Purpose": "preview"}, ["prefetch"]),
        ({"X-Moz": "prefetch"}, ["prefetch"]),
        ({"Sec-Purpose": ""}, []),
        ({"Sec-Fetch-Mode": "navigate"}, []),
        ({"Sec-Fetch-Mode": "no-cors"}, ["no_visit"]),
        ({"User-Agent": "", "Accept": "", "Accept-Language": ""}, ["no_agent", "no_language", "no_html"]),
    ],
)
def test_headers_give_a_machine_away(change: dict[str, str], expected: list[str]) -> None:
    assert signs({**PERSON, **change}, LATER, SENT) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (dt.timedelta(0), ["at_once"]),
        (AT_ONCE - dt.timedelta(milliseconds=1), ["at_once"]),
        (AT_ONCE, []),
        (dt.timedelta(days=30), []),
        # The filter looked before the answer of the mail server was written down.
        (dt.timedelta(seconds=-1), ["at_once"]),
        (dt.timedelta(hours=-3), []),
    ],
)
def test_nobody_clicks_at_once(after: dt.timedelta, expected: list[str]) -> None:
    assert signs(PERSON, SENT + after, SENT) == expected


def test_a_message_whose_sending_is_not_known_is_not_judged_by_time() -> None:
    assert signs(PERSON, SENT, None) == []

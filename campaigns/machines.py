"""Who followed a link: a person, or a mail filter and a preview that open every link of a mail. Pure.

Nothing here is certain, so it errs towards machines: a click counted too few is a smaller lie than an interest that
nobody had. Every sign is stored with the click (MessageEvent.detail["signs"]), by these names:

- `prefetch`   the browser says itself that it only fetches ahead (Sec-Purpose, Purpose, X-Purpose, X-Moz)
- `agent`      the program says that it is none of a person: crawlers, previews of messengers, mail filters, libraries
- `no_agent`, `no_language`, `no_html`   what every browser sends when a person opens a page is missing
- `no_visit`   fetched as a part of something else and not opened as a page (Sec-Fetch-Mode other than navigate)
- `at_once`    within `AT_ONCE` of sending: filters look before they deliver, people need to notice first
- `burst`      within `BURST` of a click on another link of the same message: nobody is that quick

The last sign is often known only when the second click comes, and events are never changed: so the first one is left
out when people are counted (campaigns.selectors.clicks), by the same rule.
"""

import datetime as dt
from collections.abc import Mapping

AT_ONCE = dt.timedelta(seconds=5)
BURST = dt.timedelta(seconds=1)

_AHEAD = ("prefetch", "prerender", "preview")
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
# Parts of User-Agent in lower case. Mail filters mostly pose as browsers; they are found by the other signs.
_AGENTS = (
    "bot", "crawl", "spider", "slurp", "preview", "scanner", "headless", "phantomjs", "lighthouse",
    "facebookexternalhit", "whatsapp", "vkshare", "viber", "skypeuripreview", "google-safety", "googleimageproxy",
    "yahoomailproxy", "barracuda", "proofpoint", "mimecast", "symantec", "messagelabs", "fireeye", "forcepoint",
    "trendmicro", "kaspersky", "drweb", "cloudmark", "ms-office", "microsoft office", "safelinks",
    "python", "curl/", "wget", "go-http-client", "java/", "okhttp", "apache-httpclient", "libwww", "axios",
    "node-fetch", "aiohttp", "guzzle", "ruby", "perl",
)  # fmt: skip


def signs(headers: Mapping[str, str], at: dt.datetime, sent_at: dt.datetime | None) -> list[str]:
    """Every sign of a machine in one request; `sent_at` is when the message was handed over."""
    found = []
    if any(word in headers.get(name, "").lower() for name in _PURPOSES for word in _AHEAD):
        found.append("prefetch")
    agent = headers.get("User-Agent", "").strip().lower()
    if not agent:
        found.append("no_agent")
    elif any(part in agent for part in _AGENTS):
        found.append("agent")
    if not headers.get("Accept-Language", "").strip(" *"):
        found.append("no_language")
    if "text/html" not in headers.get("Accept", "").lower():
        found.append("no_html")
    if headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        found.append("no_visit")
    if sent_at is not None and abs(at - sent_at) < AT_ONCE:
        found.append("at_once")
    return found

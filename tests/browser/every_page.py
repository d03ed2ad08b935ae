"""Walks over every page a role can reach, from link to link: by a browser, or by plain requests.

A browser sees that a page fits the screen, breaks no script and is in one language; both see that it answers.
"""

import datetime as dt
import html
import re
from collections.abc import Callable
from io import StringIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import polib
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import timezone

from campaigns.demo import clinic as demo_clinic
from campaigns.demo import history, present
from campaigns.models import CallTask, Campaign, CaughtMessage, Message, Template
from campaigns.services.sending import accounts
from clinic_crm.local import state
from clinic_crm.nightly import run_nights
from clinic_crm.roles import sync_roles
from patients import demo
from patients.models import Integration, Patient
from segmentation.demo import clusters
from segmentation.models import ClusterFit
from segmentation.services.clusters import requesting, searching
from segmentation.services.defaults import ensure_defaults
from triggers.demo import history as rules

WIDTHS = (1440, 390)
# In the admin the lists and these forms are opened.
ADMIN_FORMS = {"segmentation_segmentation_change", "patients_integration_add"}
# Answers that are no pages, or pages that end the visit.
NO_PAGES = {
    "set_language", "logout", "segment_export", "rfm_cell_export", "password_change", "jsi18n", "consent_sample",
    "campaign_people_export", "caught_body",
}  # fmt: skip

LINKS = "[...document.querySelectorAll('a[href]')].filter(a => a.origin === location.origin).map(a => a.href)"
# What a reader sees or a screen reader says: words of the page, of its pictures, of its fields and definitions.
WORDS = """() => {
  const UNREAD = "script, style, template, [lang]:not(html), form[action*='/i18n/'], .field-code, code, " +
    ".material-symbols-outlined";
  const said = [document.title], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const at = walk.currentNode.parentElement;
    if (!at.closest(UNREAD)) said.push(walk.currentNode.textContent);
  }
  for (const name of ["title", "aria-label", "placeholder", "alt", "data-term"]) {
    for (const e of document.querySelectorAll(`[${name}]`)) {
      if (!e.closest("[lang]:not(html)")) said.push(e.getAttribute(name));
    }
  }
  return said.map(text => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""
HREF = re.compile(r"""<a [^>]*href="([^"#][^"]*)\"""")
UNDRAWN = "[aria-busy=true], [data-chart]:not([data-drawn])"
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def make_clinic() -> None:
    """The demonstration clinic as it is after its first start, but small: three nights, a year of campaigns, calls to
    make, letters in the mailbox, and one login for each role."""
    sync_roles()
    ensure_defaults()
    accounts.ensure()
    demo.seed(patients=160, years=2, seed=3)
    today = timezone.localdate()
    demo_clinic.furnish(Integration.objects.get(code=demo.SOURCE).pk)
    history.seed(today)
    rules.seed(today)
    for days in (60, 30, 0):
        run_nights([today - dt.timedelta(days=days)])
        present.stand(today - dt.timedelta(days=days), today)
    present.prepare(today)
    _look_for_clusters()
    rules.go_on(today)
    # Every step of the wizard can be looked at, as after the check.
    Campaign.objects.filter(state="draft").update(steps_saved=5)
    patient = Patient.objects.exclude(phone="").first()
    assert patient is not None
    CallTask.objects.create(patient=patient, title="Пора прийти", script="Здравствуйте!", due_at=timezone.now())
    sent = Message.objects.filter(channel="email", state="sent").first()
    assert sent is not None
    letter = "From: Vesna <a@b.ru>\r\nTo: c@d.ru\r\nSubject: Vesna\r\nContent-Type: text/html\r\n\r\n<p>Весна</p>"
    CaughtMessage.objects.create(
        channel="email", to="c@d.ru", sender="a@b.ru", subject="Весна", raw=letter.encode(), message_id=sent.pk
    )
    CaughtMessage.objects.create(channel="sms", to="+79160000001", sender="VESNA", raw="Весна".encode())
    call_command("demo_users", stdout=StringIO())


def _look_for_clusters() -> None:
    """Every outcome there is: too few for those of the demonstration, none in the data, and three because they were
    asked for."""
    clusters.prepare()
    plain = ("age", "average_bill", "visits_365")
    for code, name, wish in (
        ("cl-000001", "Все", requesting.Wish(features=plain, method="kmeans")),
        ("cl-000002", "Все втроём", requesting.Wish(features=plain, method="kmeans", k=3)),
    ):
        fit = requesting.request(requesting.create(code, name, "", wish))
        searching.run(fit.pk, timezone.now())


def english() -> re.Pattern[str]:
    """Any text of the catalogue that must not be read on a Russian page, with whatever stands in its gaps."""
    catalogue = polib.pofile(str(state.BASE_DIR / "locale" / "ru" / "LC_MESSAGES" / "django.po"))
    texts = set()
    russian = {entry.msgstr.casefold() for entry in catalogue}
    for entry in catalogue:
        # "RFM" and "e-mail" are Russian too; of a text that is all gaps nothing would be left to recognise, and
        # "%(this)s and %(that)s." would be recognised in a description that stands in its own English field.
        left = re.sub(r"%\(\w+\)\w", "", entry.msgid)
        enough = "[a-z]{3}" if left == entry.msgid else "[a-z]{3}.*[a-z]{3}|[a-z]{4}"
        if entry.msgid.casefold() not in russian and re.search(enough, left):
            texts |= {entry.msgid, entry.msgid_plural or entry.msgid}
    gaps = (re.sub(r"%\\\(\w+\\\)\w", ".+", re.escape(" ".join(text.split()))) for text in texts)
    return re.compile("|".join(sorted(gaps, key=len, reverse=True)), re.IGNORECASE)


def kind(url: str) -> str | None:
    """Pages of one view and one segmentation are of one kind: one of them is looked at. Nothing for what is no page."""
    parts = urlsplit(url)
    try:
        found = resolve(parts.path)
    except Resolver404:
        return None
    name = found.url_name or ""
    if name in NO_PAGES or "download=" in parts.query or not found.view_name or "api/" in parts.path:
        return None
    if found.app_name == "admin" and not name.endswith("_changelist") and name not in {*ADMIN_FORMS, "index"}:
        return None
    return f"{found.view_name} {_sort(name, found.kwargs)}"


def _sort(name: str, given: dict[str, Any]) -> str:
    """A campaign looks different in each of its states, a template on each channel."""
    if name == "campaign":
        campaign = Campaign.objects.get(pk=given["pk"])
        return f"{campaign.state} {campaign.standing}"
    if name == "template":
        return str(Template.objects.get(pk=given["pk"]).channel)
    if name == "caught":
        return str(CaughtMessage.objects.get(pk=given["pk"]).channel)
    if name == "cluster_page":
        fit = ClusterFit.objects.filter(segmentation__code=given["code"]).first()
        return f"{fit.state} {fit.outcome}" if fit else ""
    return str(given.get("segmentation") or given.get("step") or given.get("action") or "")


def client_of(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def walk_with_browser(page: Any, site: str, name: str, language: str) -> set[str]:
    """Open one page of every kind that links lead to, at both widths; returns the kinds."""
    errors: list[str] = []
    page.set_default_timeout(90_000)  # a machine that runs the rest of the suite beside it may be slow for a while
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    for cookie, value in (("sessionid", client_of(name).cookies["sessionid"].value), ("django_language", language)):
        page.context.add_cookies([{"name": cookie, "value": value, "url": site}])
    untranslated = english() if language == "ru" else None

    def look(url: str) -> list[str]:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        assert page.goto(url).status == 200, url
        page.wait_for_selector(UNDRAWN, state="detached")
        assert page.title().strip(" ·"), url
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(WIDER) <= 0, f"{url} is wider than {width} px"
        if untranslated:
            left = [said for said in page.evaluate(WORDS) if untranslated.fullmatch(said)]
            assert not left, f"English on {url}: {left}"
        assert not errors, f"{url}: {errors}"
        return list(page.evaluate(LINKS))

    return _walk(f"{site}/", look)


def walk_with_requests(name: str) -> set[str]:
    """The same without a browser: every kind of page answers."""
    client = client_of(name)

    def look(url: str) -> list[str]:
        answer = client.get(url)
        assert answer.status_code == 200, url
        return [html.unescape(link) for link in HREF.findall(answer.content.decode())]

    return _walk("/", look)


def _walk(start: str, look: Callable[[str], list[str]]) -> set[str]:
    waiting, opened, seen = [start], set[str](), set[str]()
    while waiting:
        url = waiting.pop(0)
        page_kind = kind(url)
        if url in seen or page_kind is None or page_kind in opened:
            continue
        seen.add(url)
        opened.add(page_kind)
        waiting += [urljoin(url, link.split("#")[0]) for link in look(url)]
    return opened


def check_reach(opened: set[str], name: str) -> None:
    """What a role must have come to, and what it must not."""
    reached = {found.split()[0] for found in opened}
    assert {"home", "segments", "segmentation", "segment", "patients", "patient", "campaigns", "campaign"} <= reached
    assert {"pooled_results", "campaign_results", "triggers"} <= reached
    assert {"ltv", "ltv_calibration", "ltv_channels", "ltv_prices", "cycles", "cycle", "clusters"} <= reached
    found = {" ".join(one.split()[1:]) for one in opened if one.startswith("cluster_page ")}
    assert found == {"failed", "done none", "done found"}
    if name in ("admin", "marketer"):
        wizard = {found.split()[1] for found in opened if found.startswith("campaign_edit ")}
        assert {"audience", "offer", "channels", "when", "check", "launch"} <= wizard
        assert {"offers", "offer", "templates", "template", "suppressions", "mailbox", "caught"} <= reached
    assert ("clusters_new" in reached) == (name in ("admin", "marketer"))
    assert ("call" in reached) == (name != "owner")
    assert ("data" in reached) == (name != "owner")
    assert ("admin:index" in reached) == (name == "admin")

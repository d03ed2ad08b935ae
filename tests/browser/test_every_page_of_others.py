"""Every page the other roles can reach: the marketer's by a browser, in English; those of the rest answer."""

from typing import Any

import pytest

from tests.browser import every_page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_page_of_the_other_roles(page: Any, live_server: Any) -> None:
    every_page.make_clinic()
    every_page.check_reach(every_page.walk_with_browser(page, live_server.url, "marketer", "en"), "marketer")
    for name in ("manager", "owner"):
        every_page.check_reach(every_page.walk_with_requests(name), name)

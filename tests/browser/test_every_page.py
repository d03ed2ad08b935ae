"""Every page the administrator can reach, by a browser, in Russian."""

from typing import Any

import pytest

from tests.browser import every_page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_page_of_the_administrator(page: Any, live_server: Any) -> None:
    every_page.make_clinic()
    every_page.check_reach(every_page.walk_with_browser(page, live_server.url, "admin", "ru"), "admin")

"""What stories in a browser share: who is there, and how they come in."""

from typing import Any

PASSWORD = "a long password"


def log_in(page: Any, address: str, name: str) -> None:
    page.goto(f"{address}/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("main button[type=submit], form[method=post] button.btn-primary")
    page.wait_for_url(lambda url: "login" not in url)

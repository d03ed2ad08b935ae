"""What every page of the portal knows."""

from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, object]:
    return {"theme": "dark" if request.COOKIES.get("theme") == "dark" else "light"}

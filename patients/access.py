"""Who may open a page: decided in one place, before the view reads anything."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http.response import HttpResponseBase

View = Callable[..., HttpResponseBase]


def requires(*permissions: str) -> Callable[[View], View]:
    """Strangers go to the login page; readers without every one of the permissions get 403."""

    def decorate(view: View) -> View:
        checked: Any = permission_required(permissions, raise_exception=True)(view)
        return login_required(checked)

    return decorate

"""Parameters in the address of a request."""

from django.utils.translation import gettext as _
from rest_framework.request import Request

from patients.api.problems import Invalid


def whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """The parameter, or `default` without it; Invalid names it when it is no whole number within the bounds."""
    word = request.query_params.get(name)
    if word is None:
        return default
    if not (word.isascii() and word.isdigit() and len(word) < 20 and least <= int(word) <= most):
        raise Invalid({name: [_("A whole number from %(least)s to %(most)s.") % {"least": least, "most": most}]})
    return int(word)

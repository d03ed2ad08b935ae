"""`Authorization: Token …`: who calls, and what they may do."""

from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from patients.models import Integration
from patients.services.integrations import by_token, seen

if TYPE_CHECKING:  # rest_framework.views itself loads this module, by its settings
    from rest_framework.views import APIView


class IntegrationAuthentication(BaseAuthentication):
    """`request.auth` is the integration. People do not call the API, so `request.user` stays anonymous."""

    keyword = b"token"

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Integration] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed(_("The header must read: Authorization: Token <token>."))
        integration = by_token(parts[1].decode("latin-1"))
        if integration is None:
            raise AuthenticationFailed(_("This token is not known."))
        if not integration.active:
            raise AuthenticationFailed(_("This integration is switched off."))
        seen(integration)
        return AnonymousUser(), integration

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class HasScope(BasePermission):
    """The integration holds the scope that the view asks for in `required_scope`; a view that asks none is refused."""

    message = _("The token does not have the scope this address needs.")

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope = getattr(view, "required_scope", None)
        return isinstance(request.auth, Integration) and scope in request.auth.scopes

"""What a gateway wants to be asked and how its answer is read, from settings. No network here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from django.utils.translation import gettext as _

from campaigns.channels.base import Envelope, Status
from campaigns.channels.reading import SettingError, Values

FORMATS = ("form", "json", "query")
_PLACE = re.compile(r"\{(\w+)\}")
_OF_MESSAGE = ("to", "digits", "text", "sender", "key", "message_id")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, written."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Check:
    """A request that proves the login and sends nothing."""

    url: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    value: str = ""


@dataclass(frozen=True)
class Gateway:
    """The settings of a gateway, checked. `secrets` are values by placeholder: never shown, never logged."""

    url: str
    method: str
    format: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    sender: str
    success_path: str
    success_value: str
    id_path: str
    parts_path: str
    error_paths: tuple[str, ...]
    codes: Mapping[str, tuple[Status, bool]]  # of the provider: what they mean, and whether nobody has the number
    retry_after_header: str
    idempotent: bool
    server_error: Status
    check: Check

    def request(self, envelope: Envelope) -> Request:
        """The request that sends this message."""
        return self._written(self.url, self.fields, self._places(envelope))

    def check_request(self) -> Request | None:
        """The request of the check; None when the provider has none."""
        return self._written(self.check.url, self.check.fields, dict(self.secrets)) if self.check.url else None

    def found(self, answer: Any, path: str, envelope: Envelope | None = None) -> str:
        """The value at a dotted path of the answer as text; "" when there is none."""
        if not path:
            return ""
        for name in _fill(path, self._places(envelope) if envelope else {}).split("."):
            if isinstance(answer, dict):
                answer = answer.get(name)
            elif isinstance(answer, list) and name.isdigit() and int(name) < len(answer):
                answer = answer[int(name)]
            else:
                return ""
        if isinstance(answer, bool):
            return "true" if answer else "false"
        return "" if answer is None or isinstance(answer, dict | list) else str(answer)

    def succeeded(self, answer: Any, path: str, value: str, envelope: Envelope | None = None) -> bool:
        if not path:
            return True
        found = self.found(answer, path, envelope)
        return found == value if value else found not in ("", "0", "false")

    def error_code(self, answer: Any, envelope: Envelope | None = None) -> str:
        """The first error code that stands in the answer."""
        return next((code for path in self.error_paths if (code := self.found(answer, path, envelope))), "")

    def _places(self, envelope: Envelope | None) -> dict[str, str]:
        if envelope is None:
            return dict(self.secrets)
        own = {
            "to": envelope.to, "digits": envelope.to.lstrip("+"), "text": envelope.text, "sender": self.sender,
            "key": envelope.key, "message_id": str(envelope.message_id),
        }  # fmt: skip
        return {**self.secrets, **own}

    def _written(self, url: str, fields: Mapping[str, str], places: Mapping[str, str]) -> Request:
        filled = {name: _fill(value, places) for name, value in fields.items()}
        filled = {name: value for name, value in filled.items() if value}  # a sender that is not set is not sent
        headers = {name: _fill(value, places) for name, value in self.headers.items()}
        url = _fill(url, places, lambda value: quote(value, safe=""))
        if self.format == "query":
            mark = "&" if "?" in url else "?"
            return Request(self.method, f"{url}{mark}{urlencode(filled)}", headers, None)
        if self.format == "json":
            return Request(
                self.method, url, {"Content-Type": "application/json", **headers}, orjson.dumps(_nested(filled))
            )
        kind = "application/x-www-form-urlencoded; charset=utf-8"
        return Request(self.method, url, {"Content-Type": kind, **headers}, urlencode(filled).encode())


def read_gateway(values: Values, sender: str) -> Gateway:
    """The gateway of these settings; SettingError names the wrong one."""
    secrets = {place: values.environment(variable, "secrets") for place, variable in values.table("secrets").items()}
    idempotent = values.flag("idempotent", False)
    format_ = values.choice("format", "form", FORMATS)
    gateway = Gateway(
        url=values.text("url"),
        method=values.choice("method", "GET" if format_ == "query" else "POST", ("GET", "POST", "PUT")),
        format=format_,
        headers=values.table("headers"),
        fields=values.table("fields"),
        secrets=secrets,
        sender=sender.strip(),
        success_path=values.text("success_path"),
        success_value=values.text("success_value"),
        id_path=values.text("id_path"),
        parts_path=values.text("parts_path"),
        error_paths=tuple(values.listed("error_paths")),
        codes=_codes(values),
        retry_after_header=values.text("retry_after_header", "Retry-After"),
        idempotent=idempotent,
        server_error=Status(
            values.choice("server_error", "postponed" if idempotent else "unknown", ("unknown", "postponed"))
        ),
        check=Check(
            values.text("check_url"),
            values.table("check_fields"),
            values.text("check_path"),
            values.text("check_value"),
        ),
    )
    _complain(gateway)
    return gateway


def _codes(values: Values) -> dict[str, tuple[Status, bool]]:
    kinds = (
        ("refused", Status.REFUSED, False),
        ("bounced", Status.REFUSED, True),
        ("postponed", Status.POSTPONED, False),
        ("failed", Status.FAILED, False),
    )
    codes: dict[str, tuple[Status, bool]] = {}
    for name, status, bounce in kinds:
        for code in values.listed(name):
            if code in codes:
                raise SettingError(name, _("code %(code)s stands in two lists.") % {"code": code})
            codes[code] = (status, bounce)
    return codes


def _complain(gateway: Gateway) -> None:
    for name, url in (("url", gateway.url), ("check_url", gateway.check.url)):
        parts = urlsplit(url)
        if (url or name == "url") and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise SettingError(name, _("must be an address that begins with https://."))
    if not any("{text}" in value for value in gateway.fields.values()):
        raise SettingError("fields", _("no field holds {text}."))
    if not any("{to}" in value or "{digits}" in value for value in gateway.fields.values()):
        raise SettingError("fields", _("no field holds {to} or {digits}."))
    known = {*gateway.secrets, *_OF_MESSAGE}
    paths = [gateway.success_path, gateway.id_path, *gateway.error_paths]
    used = {
        "url": [gateway.url], "fields": list(gateway.fields.values()), "error_paths": paths,
        "check_fields": list(gateway.check.fields.values()),
    }  # fmt: skip
    for name, texts in used.items():
        _known_places(name, texts, known)
    # A text or an address has no business in a header, and could end it.
    _known_places("headers", list(gateway.headers.values()), set(gateway.secrets))
    for value in (*gateway.headers.values(), *gateway.secrets.values()):
        if any(ord(letter) < 32 or ord(letter) > 126 for letter in value):
            raise SettingError("headers", _("hold a letter that no header may hold."))


def _known_places(name: str, texts: list[str], known: set[str]) -> None:
    for text in texts:
        for place in _PLACE.findall(text):
            if place not in known:
                raise SettingError(name, _("nothing is known to put in place of {%(place)s}.") % {"place": place})


def seconds_to_wait(header: str | None, now: float) -> float | None:
    """Retry-After of RFC 9110: seconds, or a date."""
    if not header:
        return None
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - now, 0.0)
    except (TypeError, ValueError):
        return None


def _fill(text: str, places: Mapping[str, str], how: Callable[[str], str] = str) -> str:
    # In one pass: what a patient's text holds is not a placeholder.
    return _PLACE.sub(lambda place: how(places.get(place[1], "")), text)


def _nested(fields: Mapping[str, str]) -> dict[str, Any]:
    """`{"message.text": …}` as `{"message": {"text": …}}`."""
    whole: dict[str, Any] = {}
    for path, value in fields.items():
        *parents, last = path.split(".")
        place = whole
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return whole

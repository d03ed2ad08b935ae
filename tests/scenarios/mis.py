"""A clinic's information system, as the portal sees one: HTTP and a token."""

import json
from typing import Any
from urllib import error, request


class Mis:
    """A clinic system: knows the portal's address and its own token, nothing else."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        call = request.Request(
            f"{self.address}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body, default=str).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with request.urlopen(call, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def post(self, resource: str, items: list[dict[str, Any]]) -> Any:
        status, answer = self.call("POST", f"{resource}/bulk", {"items": items})
        assert status == 200, answer
        return answer

"""The token that a changing request must carry, where `API_TOKEN_FILE` is set.

Enforced here and nowhere else, before anything of a request is read: every method that changes
something is guarded unless the API names it as a read, so a new verb is guarded by being there. It
must not know what is changed. The token itself is in no text, log or error.
"""

import hmac
from collections.abc import Collection
from typing import Final

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from sagakit.shell.problems import problem
from sagakit.shell.token_file import SETTING

READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def changes(method: str, path: str, reads: Collection[str]) -> bool:
    """Whether a request changes something. `reads` are the paths whose POST is a question."""
    return method not in READING_METHODS and not (method == "POST" and path in reads)


class TokenGate:
    """Answers 401 to a request that changes something and does not carry the token."""

    def __init__(self, app: ASGIApp, token: SecretStr, reads: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._reads = frozenset(reads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let pass what reads, and what carries the token."""
        guarded = scope["type"] == "http" and changes(scope["method"], scope["path"], self._reads)
        if guarded and not self._carried(scope):
            detail = (
                "this request changes something: send the header 'Authorization: Bearer <token>' "
                f"with the token in the file that {SETTING} names"
            )
            headers = {"WWW-Authenticate": "Bearer"}
            refusal = problem(401, "A token is needed", detail, headers=headers)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _carried(self, scope: Scope) -> bool:
        """Compared in constant time. Of two such headers nobody knows which one is meant."""
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(sent) != 1:
            return False
        scheme, _, token = sent[0].partition(b" ")
        same = hmac.compare_digest(token.strip(), self._token.get_secret_value().encode())
        return same and scheme.lower() == b"bearer"

"""The token of the APIs, read from the file that `API_TOKEN_FILE` names. It is in no text, log or
error.

By itself, so that who only sends it needs no server's libraries.
"""

from pathlib import Path
from typing import Final

from pydantic import SecretStr

SETTING: Final = "API_TOKEN_FILE"
TOKEN_LENGTH_MAX: Final = 4_096
_VISIBLE: Final = range(0x21, 0x7F)
"""What a header may carry of a token: ASCII without blanks and control characters."""


class TokenFileError(Exception):
    """The file cannot be used. The text names setting, file and next step, never what is in it."""


def read_token(path: str | None) -> SecretStr | None:
    """The token in the file at `path`, without the white space around it; None for no path."""
    if path is None:
        return None
    try:
        token = Path(path).read_bytes().strip()
    except OSError as error:
        raise TokenFileError(_wrong(path, error.strerror or type(error).__name__)) from None
    if not token:
        raise TokenFileError(_wrong(path, "the file is empty"))
    if len(token) > TOKEN_LENGTH_MAX:
        cause = f"it holds {len(token)} bytes, at most {TOKEN_LENGTH_MAX} make a token"
        raise TokenFileError(_wrong(path, cause))
    if not all(byte in _VISIBLE for byte in token):
        cause = "a token is one word of visible ASCII characters"
        raise TokenFileError(_wrong(path, cause))
    return SecretStr(token.decode("ascii"))


def _wrong(path: str, cause: str) -> str:
    next_step = "put a token into it, or unset the variable so that none is asked for"
    return f"{SETTING} is {path!r}: {cause}; {next_step}"

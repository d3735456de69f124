"""The one style of every API: the token, the bounds of a body, errors as problems, declared."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr

import declared
from sagakit.shell.api import create_api
from sagakit.shell.api_token import TokenGate
from sagakit.shell.problems import BODY_BYTES_MAX
from sagakit.shell.settings import KitSettings, masked
from sagakit.shell.token_file import TokenFileError, read_token

SECRET = "s3cret-of-the-house"


class Body(BaseModel):
    text: str = ""


def build(token: str | None = SECRET) -> FastAPI:
    app = create_api("test", None if token is None else SecretStr(token), reads=["/question"])

    @app.get("/thing")
    async def look() -> dict[str, str]:
        return {}

    @app.post("/question")
    async def ask(_body: Body) -> dict[str, str]:
        return {}

    @app.post("/thing")
    @app.put("/thing")
    @app.delete("/thing")
    @app.patch("/thing")
    async def change(_body: Body) -> dict[str, str]:
        return {}

    @app.post("/broken")
    async def break_down() -> dict[str, str]:
        raise RuntimeError(SECRET)

    return app


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_problem(answer: httpx.Response, status: int) -> bool:
    form = answer.headers["content-type"]
    return (answer.status_code, form) == (status, "application/problem+json")


@pytest.mark.parametrize("token", [None, SECRET])
@pytest.mark.parametrize(
    ("site", "let_pass"),
    [
        (None, True),
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    token: str | None, site: str | None, *, let_pass: bool
) -> None:
    headers = bearer(SECRET) | ({} if site is None else {"Sec-Fetch-Site": site})
    async with declared.client(build(token)) as client:
        changed = await client.post("/thing", json={}, headers=headers)
        assert changed.status_code == 200 if let_pass else is_problem(changed, 403)
        assert (await client.get("/thing", headers=headers)).status_code == 200
        assert (await client.post("/question", json={}, headers=headers)).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("another"),
        bearer(SECRET + "x"),
        bearer(SECRET[:-1]),
        {"Authorization": SECRET},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": "Bearer \xe9"},
    ],
)
async def test_a_change_without_the_token_is_refused(method: str, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    async with declared.client(build()) as client:
        answer = await client.request(method, "/thing", json={}, headers=raw)
    assert is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_change_with_the_token_passes(scheme: str) -> None:
    async with declared.client(build()) as client:
        headers = {"Authorization": f"{scheme} {SECRET}"}
        answer = await client.post("/thing", json={}, headers=headers)
    assert answer.status_code == 200


async def test_of_two_tokens_nobody_knows_which_is_meant() -> None:
    twice = [("Authorization", f"Bearer {SECRET}"), ("Authorization", "Bearer another")]
    async with declared.client(build()) as client:
        assert is_problem(await client.post("/thing", json={}, headers=twice), 401)


async def test_what_reads_needs_no_token() -> None:
    async with declared.client(build()) as client:
        assert (await client.get("/thing")).status_code == 200
        assert (await client.post("/question", json={})).status_code == 200
        assert is_problem(await client.put("/question", json={}), 401)
        assert is_problem(await client.post("/question/", json={}), 401)


async def test_without_a_token_none_is_asked_for() -> None:
    async with declared.client(build(None)) as client:
        assert (await client.post("/thing", json={})).status_code == 200


async def test_an_unread_body_is_not_looked_at_before_the_token() -> None:
    async with declared.client(build()) as client:
        assert is_problem(await client.post("/thing", content=b"{" * BODY_BYTES_MAX * 2), 401)


async def test_the_token_is_in_no_log_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET)
    token = read_token(str(path))
    assert token is not None
    caplog.set_level(logging.DEBUG)
    async with declared.client(build()) as client:
        answers = [
            await client.post("/thing", json={}),
            await client.post("/thing", json={"text": 1}, headers=bearer(SECRET)),
            await client.post("/thing", json={}, headers=bearer("another-secret")),
        ]
    said = [answer.text + str(answer.headers) for answer in answers]
    said += [caplog.text, repr(token), repr(TokenGate(build(), token))]
    said.append(str(masked(KitSettings(api_token_file=str(path)))))
    assert not [text for text in said if SECRET in text or "another-secret" in text]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"two words-of-a-secret", "one word"),
        ("caf\xe9-secret".encode(), "one word"),
        (b"secret" * 1_000, "at most 4096"),
    ],
)
def test_a_file_that_is_no_token_is_named_with_its_setting(
    tmp_path: Path, content: bytes | None, cause: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TokenFileError) as caught:
        read_token(str(path))
    text = str(caught.value)
    assert text.startswith(f"API_TOKEN_FILE is {str(path)!r}: ")
    assert cause in text
    assert "secret" not in text


def test_a_folder_is_no_token_file(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="Is a directory"):
        read_token(str(tmp_path))


def test_the_white_space_around_a_token_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"  {SECRET}\n")
    token = read_token(str(path))
    assert token is not None
    assert token.get_secret_value() == SECRET
    assert read_token(None) is None


async def chunks(size: int) -> AsyncIterator[bytes]:
    yield b'{"text": "'
    while size > 0:
        yield b"x" * min(size, 1_000)
        size -= 1_000
    yield b'"}'


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_above_the_bound_is_refused(announced: bool) -> None:
    size = BODY_BYTES_MAX
    content = b"".join([part async for part in chunks(size)]) if announced else chunks(size)
    async with declared.client(build(None)) as client:
        answer = await client.post("/thing", content=content)
    assert ("content-length" in answer.request.headers) is announced
    assert is_problem(answer, 413)
    assert str(BODY_BYTES_MAX) in answer.json()["detail"]


async def test_a_body_within_the_bound_may_come_in_chunks() -> None:
    headers = {"Content-Type": "application/json"}
    async with declared.client(build(None)) as client:
        answer = await client.post("/thing", content=chunks(60_000), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status"), [(b'{"text": 1}', 422), (b"{", 422), (b'{"text": "\xff"}', 400)]
)
async def test_a_body_that_cannot_be_read_is_a_problem(body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    async with declared.client(build(None)) as client:
        assert is_problem(await client.post("/thing", content=body, headers=headers), status)


async def test_other_errors_are_problems_too() -> None:
    async with declared.client(build(None), raise_app_exceptions=False) as client:
        assert is_problem(await client.get("/nowhere"), 404)
        assert is_problem(await client.delete("/broken"), 405)
        broken = await client.post("/broken")
    assert is_problem(broken, 500)
    assert SECRET not in broken.text


def test_the_description_has_problems_alone() -> None:
    described = build().openapi()
    text = str(described)
    assert "HTTPValidationError" not in text
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            asks = "security" in operation
            assert asks is (method != "get" and path != "/question")
            assert ("401" in operation["responses"]) is asks
            for status, answer in operation["responses"].items():
                form = "application/json" if status < "400" else "application/problem+json"
                assert list(answer["content"]) == [form], (method, path, status)

"""HTTP to the control plane: one request at a time, JSON both ways, every failure as a CLIError.

The standard library's client is enough and starts ten times faster than a larger one. It follows no redirect, so the
token goes nowhere else.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from apim.cli.errors import CLIError
from apim.cli.login import Login, current_login

TIMEOUT_S: Final = 120
PAGE_SIZE: Final = 200
UNAUTHORIZED: Final = 401
FIRST_ERROR: Final = 400
FIRST_REDIRECT: Final = 300
NO_CONTENT: Final = 204


class Client:
    """Requests with one login."""

    def __init__(self, login: Login) -> None:
        self.login = login
        try:
            parts = urlsplit(login.url)
            is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_usable = False
        if not is_usable:
            message = f'"{login.url}" is not the URL of a control plane.'
            raise CLIError(message, hint="Set APIM_URL to a URL such as http://127.0.0.1:8000.")
        self._parts = parts

    def get(self, path: str, **query: str | None) -> Any:
        """The answer to GET."""
        return self._ask("GET", _with_query(path, query), None)

    def post(self, path: str, **body: Any) -> Any:
        """The answer to POST."""
        return self._ask("POST", path, body)

    def patch(self, path: str, **body: Any) -> Any:
        """The answer to PATCH."""
        return self._ask("PATCH", path, body)

    def list(self, path: str, **query: str | None) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        after: str | None = None
        while True:
            page = self.get(path, limit=str(PAGE_SIZE), after=after, **query)
            yield from page["data"]
            after = page["next"]
            if not after:
                return

    def download(self, path: str) -> bytes:
        """The whole body of the answer to GET, of whatever media type."""
        status, media_type, content = self._exchange("GET", path, None, self._headers())
        if status >= FIRST_ERROR and isinstance(answer := _parsed(media_type, content), dict):
            raise _refusal(status, answer)
        if status >= FIRST_REDIRECT:
            message = f"{self.login.url} answered {status}, not with a file."
            raise CLIError(message, hint="Is APIM_URL the address of the control plane, not of something before it?")
        return content

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "User-Agent": "apim-cli",
            "Authorization": f"Bearer {self.login.token}",
        }

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = self._headers()
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        status, media_type, text = self._exchange(method, path, content, headers)
        if status == NO_CONTENT:
            return None
        answer = _parsed(media_type, text)
        if status >= FIRST_ERROR and isinstance(answer, dict):
            raise _refusal(status, answer)
        if answer is None or status >= FIRST_REDIRECT:
            message = f"{self.login.url} answered {status} with {media_type or 'nothing'}, not with JSON."
            raise CLIError(message, hint="Is APIM_URL the address of the control plane, not of something before it?")
        return answer

    def _exchange(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
            if self._parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        )
        try:
            connection.request(method, f"{self._parts.path}/api/v1{path}", content, headers)
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read()
        except ValueError as error:  # http.client refuses control characters in a header or path
            message = "The token or a name has a character that cannot be sent."
            raise CLIError(message, hint="Check APIM_TOKEN.") from error
        except (OSError, http.client.HTTPException) as error:
            message = f"The control plane at {self.login.url} cannot be reached: {error or type(error).__name__}."
            raise CLIError(message, hint="Is it running (script/up), and is APIM_URL right?") from error
        finally:
            connection.close()


def connect() -> Client:
    """A client with the current login.

    Errors: CLIError when there is no token.
    """
    login = current_login()
    if not login.token:
        message = f"There is no token for {login.url}."
        raise CLIError(message, hint="Run `apim login`, or set APIM_TOKEN.")
    return Client(login)


def segment(name: str) -> str:
    """name as one segment of a path."""
    return quote(name, safe=":@")


def _with_query(path: str, query: dict[str, str | None]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _parsed(media_type: str, text: bytes) -> Any:
    if media_type not in {"application/json", "application/problem+json"}:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refusal(status: int, problem: dict[str, Any]) -> CLIError:
    detail = str(problem.get("detail") or problem.get("title") or f"refused with {status}")
    errors = [error for error in problem.get("errors") or () if isinstance(error, dict)]
    lines = tuple(
        f"{error.get('pointer', '')}: {error.get('message', '')} {error.get('hint', '')}".removeprefix(": ").rstrip()
        for error in errors
        if len(errors) > 1  # one alone is what detail says
    )
    lines += tuple(f"breaks: {change.get('message', '')}" for change in _members(problem, "changes"))
    lines += tuple(f"not compared: {sentence}" for sentence in problem.get("skipped") or ())
    lines += tuple(
        f"calls it: {caller.get('organization', '')}/{caller.get('application', '')},"
        f" {caller.get('calls', 0)} times in 30 days: {', '.join(caller.get('operations') or ())}"
        for caller in _members(problem, "applications")
    )
    hint = "" if any(error.get("hint") for error in errors) and lines else str(problem.get("hint", ""))
    if status == UNAUTHORIZED and not hint:
        hint = "Run `apim login` with a valid token, or set APIM_TOKEN."
    return CLIError(detail, hint=hint, request_id=str(problem.get("request_id", "")), details=lines, problem=problem)


def _members(problem: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = problem.get(name)
    return [member for member in found if isinstance(member, dict)] if isinstance(found, list) else []

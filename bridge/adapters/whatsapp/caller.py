"""The thin caller of the Graph API: raw bodies in and out, every failure classified."""

from __future__ import annotations

from bridge.adapters.http import HttpClient, HttpError
from bridge.adapters.whatsapp import errors
from bridge.errors import PlatformError


class GraphCaller:
    """Calls `<api_url>/<api_version>/<path>` with a bearer token. `timeout_s` bounds a whole call."""

    def __init__(self, api_url: str, api_version: str, timeout_s: float) -> None:
        self._base = f"{api_url.rstrip('/')}/{api_version}/"
        self._timeout_s = timeout_s
        self._http = HttpClient()

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        await self._http.aclose()

    async def get(self, path: str, token: str) -> bytes:
        """The body of the answer. Raises `PlatformError`."""
        return await self._call("GET", path, token, b"", repeatable=True)

    async def post(self, path: str, token: str, body: bytes, *, repeatable: bool) -> bytes:
        """The body of the answer to a JSON body.

        Raises `PlatformError`; with `FailureKind.UNKNOWN` where a call that is not `repeatable` may have had its
        effect although no answer came.
        """
        return await self._call("POST", path, token, body, repeatable=repeatable)

    async def _call(self, method: str, path: str, token: str, body: bytes, *, repeatable: bool) -> bytes:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            status, told, answer = await self._http.request(
                method, self._base + path, headers, body, timeout_s=self._timeout_s
            )
        except HttpError as error:
            raise PlatformError(errors.of_break_down(error, repeatable=repeatable)) from error
        if not 200 <= status < 300:
            # A redirect is none of the API's answers either.
            retry_after = told.get("retry-after")
            raise PlatformError(errors.of_answer(status, answer, retry_after, repeatable=repeatable))
        return answer

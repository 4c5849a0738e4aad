"""The thin caller of the Graph API: one shared session, raw bodies in and out, every failure classified."""

from __future__ import annotations

import aiohttp

from bridge.adapters.whatsapp import errors
from bridge.errors import PlatformError

_CONNECT_TIMEOUT_S = 5.0
# Shorter than servers keep idle connections, because a request on one that is just being closed has an unknown fate.
_KEEPALIVE_S = 10.0


class GraphCaller:
    """Calls `<api_url>/<api_version>/<path>` with a bearer token. `timeout_s` bounds a whole call."""

    def __init__(self, api_url: str, api_version: str, timeout_s: float) -> None:
        self._base = f"{api_url.rstrip('/')}/{api_version}/"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_TIMEOUT_S)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def get(self, path: str, token: str) -> bytes:
        """The body of the answer. Raises `PlatformError`."""
        return await self._call("GET", path, token, None, repeatable=True)

    async def post(self, path: str, token: str, body: bytes, *, repeatable: bool) -> bytes:
        """The body of the answer to a JSON body.

        Raises `PlatformError`; with `FailureKind.UNKNOWN` where a call that is not `repeatable` may have had its
        effect although no answer came.
        """
        return await self._call("POST", path, token, body, repeatable=repeatable)

    def _open(self) -> aiohttp.ClientSession:
        # Made at the first call, because a session belongs to the running loop.
        if self._session is None:
            # The pace is ours to keep: a call that waited for a free connection would only eat its own deadline.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                headers={"Content-Type": "application/json"},
            )
        return self._session

    async def _call(
        self, method: str, path: str, token: str, body: bytes | None, *, repeatable: bool
    ) -> bytes:
        try:
            async with self._open().request(
                method,
                self._base + path,
                data=body,
                headers={"Authorization": f"Bearer {token}"},
                # A redirect would be followed with the body but is none of the API's answers.
                allow_redirects=False,
            ) as response:
                answer = await response.read()
                status, retry_after = response.status, response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformError(errors.of_break_down(error, repeatable=repeatable)) from error
        if not 200 <= status < 300:
            raise PlatformError(errors.of_answer(status, answer, retry_after, repeatable=repeatable))
        return answer

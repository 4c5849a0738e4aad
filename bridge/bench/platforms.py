"""Pretended platforms that answer at once, in a process of their own: `python -m bridge.bench.platforms PORT LIFE_S`.

They note when each message's reference came in a post or in a message to a contact, and in which thread. GET /log hands
the notes over, with the calls by method. What carries the word `stall2000` is answered after two seconds.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import re
import sys
import time
from typing import cast

import orjson

from bridge.bench.http1 import Framing, response

CHANNEL = "C0BENCH001"
REFERENCE = re.compile(rb"ref-[a-z0-9]{8}-\d{7}")
"""What every message of the load carries in its text."""
STALL = b"stall2000"
STALL_S = 2.0
_THREAD = re.compile(rb'"thread_ts":"([\d.]+)"')

_AGENT = {
    "id": "U0BENCH001",
    "team_id": "T0BENCH001",
    "name": "agent",
    "profile": {"display_name": "Agent"},
}
_FIXED = {
    "auth.test": {
        "ok": True,
        "url": "https://bench.slack.example/",
        "team_id": "T0BENCH001",
        "user_id": "U0BENCHBOT",
        "bot_id": "B0BENCHBOT",
        "user": "bench",
    },
    "conversations.info": {"ok": True, "channel": {"id": CHANNEL, "name": "bench", "is_member": True}},
    "conversations.members": {
        "ok": True,
        "members": [_AGENT["id"]],
        "response_metadata": {"next_cursor": ""},
    },
    "users.info": {"ok": True, "user": _AGENT},
    "conversations.replies": {"ok": True, "messages": []},
    "conversations.history": {"ok": True, "messages": []},
}


class Notes:
    """What came in, since it was last asked for."""

    def __init__(self) -> None:
        self._seen: list[tuple[str, int]] = []
        self._threads: dict[str, str] = {}
        self._calls: collections.Counter[str] = collections.Counter()
        self._stamps = itertools.count(1)
        self._answers = {method: response(orjson.dumps(body)) for method, body in _FIXED.items()}
        self._ok = response(b'{"ok":true}')

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The answer to a request."""
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        if path == b"/log":
            return response(self._hand_over())
        method = path.rpartition(b"/")[2].decode()
        self._calls[method] += 1
        if method == "chat.postMessage":
            return self._posted(body)
        if method == "messages":
            self._note(body, b"")
            return response(b'{"messages":[{"id":"wamid.bench%d"}]}' % next(self._stamps))
        return self._answers.get(method, self._ok)

    def _posted(self, body: bytes) -> bytes:
        thread = _THREAD.search(body)
        self._note(body, thread[1] if thread else b"")
        stamp = next(self._stamps)
        return response(
            b'{"ok":true,"channel":"%b","ts":"17%08d.%06d","message":{"type":"message"}}'
            % (CHANNEL.encode(), stamp // 1_000_000, stamp % 1_000_000)
        )

    def _note(self, body: bytes, thread: bytes) -> None:
        now_ns = time.monotonic_ns()
        # The text stands in the blocks and again as their fallback: one post shows a message once.
        for found in dict.fromkeys(REFERENCE.findall(body)):
            self._seen.append((found.decode(), now_ns))
            if thread:
                self._threads[found.decode()] = thread.decode()

    def _hand_over(self) -> bytes:
        handed = orjson.dumps({"seen": self._seen, "calls": self._calls, "threads": self._threads})
        self._seen.clear()
        self._threads.clear()
        self._calls.clear()
        return handed


class _Connection(asyncio.Protocol):
    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        for head, body in self._framing.feed(data):
            answer = self._notes.answer(head, body)
            if STALL in body:
                asyncio.get_running_loop().call_later(STALL_S, self._answer, answer)
            else:
                self._answer(answer)

    def _answer(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve(port: int, life_s: float) -> None:
    """Answer on 127.0.0.1 for `life_s` seconds: whoever forgets this process does not keep it."""
    notes = Notes()
    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: _Connection(notes), "127.0.0.1", port, backlog=1024):
        await asyncio.sleep(life_s)


if __name__ == "__main__":
    from bridge.bench.processes import run_role

    run_role(serve(int(sys.argv[1]), float(sys.argv[2])))

"""The least that carries a message safely: verify, parse, one durable append, 200; then one post, in order.

In a process of its own: `python -m bridge.bench.floor PORT PLATFORMS_PORT REDIS_PORT SECRET LIFE_S [ingress]`; as an
`ingress` it answers and carries nothing on. No
deduplication, no retries, no pace, no cards, no records, no metrics; it stands for what nobody can do without.
"""

from __future__ import annotations

import asyncio
import collections
import hmac
import sys
import zlib
from typing import Any

import aiohttp
import msgspec
import orjson
from aiohttp import web

from bridge.bench.platforms import CHANNEL
from bridge.store.joined import JoinedRedis

SHARDS = 16
IN_HAND = 512
_READ = "128"


class _Text(msgspec.Struct, frozen=True):
    body: str


class _Message(msgspec.Struct):
    id: str
    sender: str = msgspec.field(name="from")
    text: _Text = _Text("")


class _Value(msgspec.Struct):
    messages: list[_Message] = []


class _Change(msgspec.Struct):
    value: _Value


class _Entry(msgspec.Struct):
    changes: list[_Change]


class _Delivery(msgspec.Struct):
    entry: list[_Entry]


class Floor:
    """The bare road. Chains keep the order of a contact; contacts run side by side."""

    def __init__(
        self, redis: JoinedRedis, session: aiohttp.ClientSession, platforms: int, secret: str
    ) -> None:
        self._redis = redis
        self._session = session
        self._post_url = f"http://127.0.0.1:{platforms}/api/chat.postMessage"
        self._secret = secret.encode()
        self._read = msgspec.json.Decoder(_Delivery).decode
        self._unpack = msgspec.json.Decoder(_Message).decode
        self._chains: dict[str, collections.deque[tuple[str, bytes, bytes]]] = {}
        self._room = asyncio.Semaphore(IN_HAND)
        self._tasks: set[asyncio.Task[None]] = set()

    async def webhook(self, request: web.Request) -> web.Response:
        """Verify, parse, append, answer."""
        raw = await request.read()
        signed = "sha256=" + hmac.digest(self._secret, raw, "sha256").hex()
        if not hmac.compare_digest(signed, request.headers.get("X-Hub-Signature-256", "")):
            return web.Response(status=401)
        for entry in self._read(raw).entry:
            for change in entry.changes:
                for message in change.value.messages:
                    await self._redis("XADD", _lane(message.sender), "*", "e", msgspec.json.encode(message))
        return web.Response()

    async def consume(self) -> None:
        """Read what was appended and carry it on, for ever."""
        last = {f"{{s{shard}}}:in": "0-0" for shard in range(SHARDS)}
        while True:
            words: list[str] = ["XREAD", "COUNT", _READ, "BLOCK", "1000", "STREAMS", *last, *last.values()]
            for lane, entries in await self._redis.blocking(*words, wait_s=1.0) or ():
                for entry_id, fields in entries:
                    last[lane.decode()] = entry_id.decode()
                    await self._room.acquire()
                    self._chain(lane.decode(), entry_id, fields[1])

    def _chain(self, lane: str, entry_id: bytes, packed: bytes) -> None:
        contact = self._unpack(packed).sender
        chain = self._chains.get(contact)
        if chain is not None:
            chain.append((lane, entry_id, packed))
            return
        self._chains[contact] = collections.deque([(lane, entry_id, packed)])
        task = asyncio.create_task(self._carry(contact))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, contact: str) -> None:
        chain = self._chains[contact]
        while chain:
            lane, entry_id, packed = chain[0]
            record = lane.replace(":in", f":c:{contact}")
            thread = await self._redis("HGET", record, "thread")
            ts = await self._post(self._unpack(packed), thread.decode() if thread else None)
            await self._redis.batch(
                [("HSET", record, "thread", thread or ts, "last", ts), ("XDEL", lane, entry_id)]
            )
            chain.popleft()
            self._room.release()
        del self._chains[contact]

    async def _post(self, message: _Message, thread: str | None) -> str:
        text = message.text.body
        block = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        body: dict[str, Any] = {"channel": CHANNEL, "text": text, "blocks": [block]}
        if thread is not None:
            body["thread_ts"] = thread
        headers = {"Content-Type": "application/json", "Authorization": "Bearer xoxb-bench"}
        async with self._session.post(self._post_url, data=orjson.dumps(body), headers=headers) as answer:
            return str(orjson.loads(await answer.read())["ts"])


def _lane(contact: str) -> str:
    return f"{{s{zlib.crc32(contact.encode()) % SHARDS}}}:in"


async def serve(
    port: int, platforms: int, redis_port: int, secret: str, life_s: float, *, carries: bool
) -> None:
    """Run for `life_s` seconds on 127.0.0.1."""
    redis = JoinedRedis(f"redis://127.0.0.1:{redis_port}/0")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        floor = Floor(redis, session, platforms, secret)
        app = web.Application()
        app.router.add_post("/webhooks/whatsapp", floor.webhook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        consuming = asyncio.create_task(floor.consume() if carries else asyncio.sleep(life_s))
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        await asyncio.wait([consuming], timeout=life_s)
        if consuming.done():
            consuming.result()


if __name__ == "__main__":
    from bridge.bench.processes import run_role

    port, platforms, redis_port = map(int, sys.argv[1:4])
    carries = "ingress" not in sys.argv[6:]
    run_role(serve(port, platforms, redis_port, sys.argv[4], float(sys.argv[5]), carries=carries))

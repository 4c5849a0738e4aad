"""Makes go wrong what the script says, when it says so, and counts what really did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from bridge.sandbox.faults import Fault as SandboxFault
from bridge.store import keys
from bridge.store.archive.archiver import ARCHIVER_LANE
from tests.campaign import desk
from tests.campaign.archive import AWAY
from tests.campaign.record import Card
from tests.campaign.script import Blow, Fault, Rule, Talk, Vanish
from tests.campaign.stage import Stage, Worker

_LOOK_S = 0.002
_PATIENCE_S = 2.0
_HUNTS, _AWAY_S = 10, 0.5
"""How often, for how long, and how many times anew it is looked for the archiver in the middle of a transaction; and
how long is waited when the archive is away."""
_HELD_BACK_S = 0.15
"""How long answers of Valkey are held back before the connection is cut: what was asked for has then taken effect."""


@dataclass
class _Armed:
    rule: Rule
    number: int


class Trouble:
    """`deleted` are the cards whose threads an admin deleted."""

    def __init__(self, stage: Stage, talks: Sequence[Talk]) -> None:
        self.deleted: list[Card] = []
        self._stage = stage
        self._talks = talks
        self._blows: Counter[str] = Counter()
        self._armed: list[_Armed] = []
        self._valkey = asyncio.Lock()
        self._archive = asyncio.Lock()
        self._hunting = asyncio.Lock()

    async def befalls(self, fault: Fault) -> None:
        """One fault; returns when its time is over."""
        match fault:
            case Rule():
                params = dict(fault.params)
                made = SandboxFault(fault.where, fault.kind, fault.times, fault.probability, params)
                self._armed.append(_Armed(fault, self._stage.sandbox.faults.add(made)))
            case Vanish():
                self._delete(fault)
            case Blow(kind="archiver kill"):
                await self._kill_archiver(fault)
            case Blow():
                self._blows[fault.name] += 1
                await self._strike(fault)

    async def calm(self) -> Counter[str]:
        """Everything runs again and nothing goes wrong any more. How often each kind of fault took effect."""
        counts = self._fired()
        self._stage.sandbox.faults.clear()
        for worker in self._stage.workers:
            if worker.process.is_running:
                worker.process.resume()
            worker.redis.pass_answers()
        if not self._stage.valkey.is_running:
            await asyncio.to_thread(self._stage.valkey.start)
        if not self._stage.archive.is_running:
            await asyncio.to_thread(self._stage.archive.start)
        for worker in self._stage.workers:
            await worker.start()
        return counts

    def _fired(self) -> Counter[str]:
        left = {rule["id"]: rule["times"] for rule in self._stage.sandbox.faults}
        counts = self._blows.copy()
        for armed in self._armed:
            counts[armed.rule.name] += armed.rule.times - left.get(armed.number, 0)
        return +counts

    def _delete(self, fault: Vanish) -> None:
        talk = self._talks[fault.talk]
        card = desk.newest_card(self._stage.sandbox, talk)
        if card is not None:
            self._blows[fault.name] += 1
            self.deleted.append(Card(talk.channel, card.ts, talk.customer))
            self._stage.sandbox.slack.channel(talk.channel).delete(card.ts)

    async def _strike(self, blow: Blow) -> None:
        everybody = self._stage.workers
        workers = everybody if blow.worker < 0 else [everybody[blow.worker]]
        match blow.kind:
            case "kill":
                await asyncio.gather(*(worker.kill() for worker in workers))
                await asyncio.sleep(blow.seconds)
                await asyncio.gather(*(worker.start() for worker in workers))
            case "remove":
                await asyncio.gather(*(worker.stop() for worker in workers))
                await asyncio.sleep(blow.seconds)
                await asyncio.gather(*(worker.start() for worker in workers))
            case "pause":
                await self._pause(workers, blow.seconds)
            case "archive locked":
                await self._stage.archive.lock(blow.seconds)
            case "archive kill":
                await self._kill_archive(blow)
            case "valkey kill" | "valkey pause":
                await self._valkey_away(blow)
            case _:
                await asyncio.gather(*(self._cut(worker, blow) for worker in workers))

    @staticmethod
    async def _pause(workers: list[Worker], seconds: float) -> None:
        for worker in workers:
            if worker.process.is_running:
                worker.process.pause()
        await asyncio.sleep(seconds)
        for worker in workers:
            if worker.process.is_running:
                worker.process.resume()

    async def _valkey_away(self, blow: Blow) -> None:
        valkey = self._stage.valkey
        async with self._valkey:
            if blow.kind == "valkey kill":
                await asyncio.to_thread(valkey.kill)
                await asyncio.sleep(blow.seconds)
                await asyncio.to_thread(valkey.start)
            else:
                valkey.pause()
                await asyncio.sleep(blow.seconds)
                valkey.resume()

    async def _kill_archive(self, blow: Blow) -> None:
        archive = self._stage.archive
        async with self._archive:
            await asyncio.to_thread(archive.kill)
            await asyncio.sleep(blow.seconds)
            await asyncio.to_thread(archive.start)

    async def _kill_archiver(self, blow: Blow) -> None:
        """Freeze whoever is elected until that was in the middle of a transaction, and kill it then."""
        for _ in range(_HUNTS):
            try:
                async with self._hunting, self._stage.archive.held_up():
                    worker = await self._hunt()
            except AWAY:
                worker = None
                await asyncio.sleep(_AWAY_S)
            if worker is not None:
                self._blows[blow.name] += 1
                await asyncio.sleep(blow.seconds)
                await worker.start()
                return

    async def _hunt(self) -> Worker | None:
        """The process that was killed; None: nobody wrote."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        client = self._stage.valkey.watcher()
        try:
            while loop.time() < deadline:
                worker = await self._archiver(client)
                if worker is not None and await worker.kill_while(self._stage.archive.written):
                    return worker
                await asyncio.sleep(_LOOK_S)
        finally:
            await client.aclose()
        return None

    async def _archiver(self, client: redis.asyncio.Redis | RedisCluster) -> Worker | None:
        """The process that is elected to write the archive; None while nobody who lives is."""
        try:
            holder = await client.get(keys.hold(ARCHIVER_LANE))
        except RedisError:
            return None
        named = {worker.process.pid: worker for worker in self._stage.workers if worker.process.is_running}
        # Owners are called <host>-<process id>-<something>.
        _, _, rest = str(holder or b"").rpartition("-")[0].rpartition("-")
        return next((worker for pid, worker in named.items() if str(pid) == rest), None)

    @staticmethod
    async def _cut(worker: Worker, blow: Blow) -> None:
        """Break a worker's connections to Valkey: at once, or once what it asked for has taken effect unheard."""
        if blow.kind == "redis cut after":
            worker.redis.hold_answers()
            await asyncio.sleep(_HELD_BACK_S)
        worker.redis.cut()
        worker.redis.pass_answers()
        await asyncio.sleep(blow.seconds)

"""Makes go wrong what the script says, when it says so, and counts what really did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.sandbox.faults import Fault as SandboxFault
from tests.campaign import desk
from tests.campaign.archive import locked
from tests.campaign.record import Card
from tests.campaign.script import Blow, Fault, Rule, Talk, Vanish
from tests.campaign.stage import Stage, Worker

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

    async def befalls(self, fault: Fault) -> None:
        """One fault; returns when its time is over."""
        match fault:
            case Rule():
                params = dict(fault.params)
                made = SandboxFault(fault.where, fault.kind, fault.times, fault.probability, params)
                self._armed.append(_Armed(fault, self._stage.sandbox.faults.add(made)))
            case Vanish():
                self._delete(fault)
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
                await locked(self._stage.folder, blow.seconds)
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

    @staticmethod
    async def _cut(worker: Worker, blow: Blow) -> None:
        """Break a worker's connections to Valkey: at once, or once what it asked for has taken effect unheard."""
        if blow.kind == "redis cut after":
            worker.redis.hold_answers()
            await asyncio.sleep(_HELD_BACK_S)
        worker.redis.cut()
        worker.redis.pass_answers()
        await asyncio.sleep(blow.seconds)

"""Redis comes back empty under a running bridge; and a second deployment comes to the same Redis by mistake."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge.app import Bridge
from bridge.sandbox.slack.state import Message
from bridge.settings import Settings
from bridge.store.deployment import ForeignError
from tests.support.archive import temporary_sqlite
from tests.support.stack import Stack, running_stack, shown
from tests.support.valkey import ValkeyServer
from tests.support.waiting import until


async def talk(stack: Stack) -> Message:
    """Ana asks and Ben answers; the card."""
    ana = stack.customer("ana")
    await ana.writes("Where is my parcel?")
    card = await stack.card("Ana García")
    await stack.in_thread(card, "Where is my parcel?")
    await stack.person("ben").replies("support", card.ts, "!claim")
    await stack.person("ben").replies("support", card.ts, "It is on its way")
    await ana.expects("It is on its way", 10)
    return card


async def test_a_redis_that_comes_back_empty_is_noticed_and_rebuilt(restartable_valkey: ValkeyServer) -> None:
    """The customer is shown in the same thread, the answer goes out, and those who can act are told."""
    async with running_stack(restartable_valkey.url) as stack:
        card = await talk(stack)
        bridge = stack.bridge
        assert bridge is not None
        engine = bridge.engine
        assert engine is not None
        await until(lambda: bridge.lag.caught_up(1.0), 20, "the archive")
        restartable_valkey.kill()
        shutil.rmtree(restartable_valkey.folder)
        restartable_valkey.start()
        told = "rebuilt from the archive"
        await until(lambda: any(told in shown(one) for one in stack.channel().messages), 40, "the alert")
        await until(lambda: len(engine.held()) == bridge.settings.shards + 1, 20, "the lanes")
        await until(lambda: bridge.inlet.roster().agents, 20, "the people")
        ana = stack.customer("ana")
        await ana.writes("It has not come yet")
        await stack.in_thread(card, "It has not come yet", timeout_s=20)
        await stack.person("ben").replies("support", card.ts, "I shall ask")
        await ana.expects("I shall ask", 20)
        replies = [shown(one) for one in stack.channel().thread(card.ts)]
        assert sum("Where is my parcel?" in one for one in replies[1:]) == 1


def other(stack: Stack, archive_url: str) -> Settings:
    """The settings of another deployment, whose Redis address was copied from this one's."""
    values = stack.settings().model_dump()
    values["archive"]["url"] = archive_url
    values["web"]["port"] = 0
    for number, inbox in enumerate(values["inboxes"]):
        inbox["phone_number_id"] = f"90000000000000{number}"
    return Settings.model_validate(values)


async def test_a_second_deployment_on_one_redis_does_not_start(redis_url: str, tmp_path: Path) -> None:
    """It says whose Redis it is, and the first one goes on as before."""
    async with running_stack(redis_url) as stack:
        card = await talk(stack)
        for archive_url in (temporary_sqlite(), stack.archive_url):
            second = Bridge(other(stack, archive_url))
            with pytest.raises(ForeignError, match=r"another deployment"):
                await second.start()
            await second.stop()
        assert stack.bridge is not None
        assert stack.bridge.guard.problem is None
        ana = stack.customer("ana")
        await ana.writes("It has not come yet")
        await stack.in_thread(card, "It has not come yet")

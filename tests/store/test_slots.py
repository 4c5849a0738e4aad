"""Which keys decide where a command runs, held against what the server says."""

from __future__ import annotations

import contextlib

import pytest

from bridge.store.connection import Arg
from bridge.store.slots import keys_of, slot_of
from tests.support.valkey import ValkeyServer
from tests.support.valkey_cluster import ask

WITH_KEYS: list[tuple[Arg, ...]] = [
    ("GET", "{s1}:u:x"),
    ("set", b"{s1}:n", 1, "NX", "GET"),
    ("GETRANGE", "{desk}:u:desk", 0, 7),
    ("MGET", "{s1}:a", "{s1}:b"),
    ("XADD", "{s1}:in", "*", "u", "x", "e", "y"),
    ("XRANGE", "{s1}:in", "-", "+"),
    ("XREAD", "COUNT", 5, "BLOCK", 10, "STREAMS", "{s1}:in", "0-0"),
    ("XREAD", "STREAMS", b"{s1}:in", b"{s1}:dead", "0-0", "$"),
    ("EVAL", "return 1", 2, "{s1}:a", "{s1}:b", "arg"),
    ("EVALSHA", "0" * 40, 1, b"{s1}:a"),
    ("HGETALL", "{s1}:a:x"),
    ("XINFO", "STREAM", "{s1}:journal"),
    ("XGROUP", "CREATE", "{s1}:journal", "g", "$"),
    ("XSETID", "{s1}:journal", "1-1"),
    ("XTRIM", "{s1}:journal", "MINID", "1-1"),
    ("DEL", "{s1}:hold", "{s1}:fence"),
    ("ZREM", "workers", "me"),
    ("BLPOP", "l", 1),
]
WITHOUT: list[tuple[Arg, ...]] = [
    ("PING",),
    ("TIME",),
    ("INFO", "clients"),
    ("CONFIG", "GET", "appendfsync"),
    ("WAIT", 1, 100),
    ("EVAL", "return 1", 0),
]


@pytest.mark.parametrize("command", WITH_KEYS, ids=lambda command: str(command[0]))
def test_keys_are_those_that_the_server_finds(command: tuple[Arg, ...], valkey_server: ValkeyServer) -> None:
    """The server's own look at the command finds the keys that decide, first of all the first."""
    with contextlib.closing(valkey_server.client()) as client:
        found = ask(client, "COMMAND GETKEYS", *command)
    ours = [key.decode() if isinstance(key, bytes) else str(key) for key in keys_of(command)]
    assert ours == found[: len(ours)]
    assert ours


@pytest.mark.parametrize("command", WITHOUT, ids=lambda command: str(command[0]))
def test_a_command_without_a_key_may_run_anywhere(command: tuple[Arg, ...]) -> None:
    """It has no slot."""
    assert slot_of(command) is None


def test_keys_in_several_slots_are_a_mistake_of_ours() -> None:
    """It is said before anything is sent."""
    with pytest.raises(ValueError, match="several slots"):
        slot_of(("XREAD", "STREAMS", "{s1}:in", "{s2}:in", "0", "0"))

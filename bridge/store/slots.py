"""Which slot of a cluster a command belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from redis.crc import key_slot

from bridge.store.connection import Arg

SLOTS = 16_384

_SCRIPTS = frozenset({"EVAL", "EVALSHA"})
_WITH_SUBCOMMAND = frozenset({"OBJECT", "XGROUP", "XINFO"})
_STREAM_READS = frozenset({"XREAD"})
_WITHOUT_KEY = frozenset(
    {"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "ECHO", "FLUSHALL"}
)
_WITHOUT_KEY |= {"INFO", "KEYS", "LASTSAVE", "MEMORY", "PING", "REPLICAOF", "ROLE", "SCAN", "SCRIPT", "TIME"}
_WITHOUT_KEY |= {"WAIT", "WAITAOF"}


def keys_of(args: Sequence[Arg]) -> Sequence[Arg]:
    """The keys that decide where a command runs: those of a script or a stream read, else its first argument, or the
    one behind its subcommand.

    A command with several keys beside these (`MGET`) names keys of one lane, so its first one says it all.
    """
    name = _text(args[0]).upper()
    if name in _WITHOUT_KEY:
        return ()
    if name in _SCRIPTS:
        return args[3 : 3 + int(args[2])]
    if name in _WITH_SUBCOMMAND:
        return args[2:3]
    if name in _STREAM_READS:
        behind = next(at for at, arg in enumerate(args) if _text(arg).upper() == "STREAMS") + 1
        return args[behind : behind + (len(args) - behind) // 2]
    return args[1:2]


def slot_of(args: Sequence[Arg]) -> int | None:
    """The command's slot, or None when any node will do. Raises ValueError when its keys are in several."""
    slots = {key_slot(_bytes(key)) for key in keys_of(args)}
    if len(slots) > 1:
        raise ValueError(f"the keys of {_text(args[0])} are in several slots: {list(keys_of(args))}")
    return next(iter(slots), None)


def _text(arg: Arg) -> str:
    return arg.decode("utf-8", "replace") if isinstance(arg, bytes) else str(arg)


def _bytes(arg: Arg) -> bytes:
    return arg if isinstance(arg, bytes) else str(arg).encode()

"""The net below the readers: an item that breaks one of them costs nothing but itself.

Whatever a body holds comes from strangers, and a body that is not answered with 200 is sent again for days, with the
messages of everybody else in it. So an item that no reader foresaw is counted, and shown as unreadable where it is
known whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from bridge.adapters.base import Placed
from bridge.adapters.whatsapp.wire import Message
from bridge.content import NO_MARKS, Unsupported, kind_of
from bridge.events import AnsweredElsewhere, AnyEvent, ContactAmended, MessageReceived, pack
from bridge.markup import clean


def bare(message: Message) -> Message:
    """Only what a message is, and from whom and to whom: it is shown as something unreadable."""
    return Message(
        id=message.id,
        type=message.type,
        sender=message.sender,
        from_user_id=message.from_user_id,
        from_parent_user_id=message.from_parent_user_id,
        to=message.to,
        to_user_id=message.to_user_id,
    )


def packable(placed: Sequence[Placed], broken: Callable[[str], None]) -> Iterator[Placed]:
    """Those of `placed` whose events can be packed, in order. One that cannot is told to `broken`, by its kind and what
    it raised; unreadable words stand in for its own, where it has words of somebody.
    """
    for one in placed:
        problem = _problem(one.event)
        if not problem:
            yield one
            continue
        broken(f"{type(one.event).__name__}: {problem}")
        instead = _unreadable(one.event)
        if instead is not None and not _problem(instead):
            yield replace(one, event=instead)


def _problem(event: AnyEvent) -> str:
    try:
        pack(event)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the others have to go on
        return type(problem).__name__
    return ""


def _unreadable(event: AnyEvent) -> AnyEvent | None:
    match event:
        case MessageReceived():
            said = Unsupported(clean(kind_of(event.content)))
            return replace(event, content=said, name=None, username=None, quoted=None, marks=NO_MARKS)
        case AnsweredElsewhere() | ContactAmended() if event.content is not None:
            return replace(event, content=Unsupported(clean(kind_of(event.content))))
        case _:
            return None

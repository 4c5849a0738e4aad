"""A desk and a channel in memory: they show what reached them, and fail, stall or break off when told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from bridge.actions import Alert, Amend, Answer, DirectMessage, PostNotice, Relay, Send
from bridge.adapters.base import (
    NOT_KNOWN,
    Bucket,
    Capabilities,
    Fitted,
    Marker,
    Outgoing,
    Quoted,
    Reach,
    Uploaded,
)
from bridge.content import Attachment, StaffFile, described
from bridge.content.templates import Template
from bridge.errors import Failure, FailureKind, PlatformError
from bridge.markup import bare
from bridge.media.spool import Spooled
from bridge.model import ActionId, Agent, CardView, InboxId, Place, Post, Receipt, ThreadRef

T = TypeVar("T")

NOTHING = Capabilities(from_contact={}, to_contact={})

NO_ANSWER = Failure(kind=FailureKind.UNKNOWN, code="timeout", words="no answer came")


def failure(kind: FailureKind, *, retry_after_s: float | None = None, pair_only: bool = False) -> Failure:
    """A refusal of a kind."""
    return Failure(
        kind=kind,
        code=kind.value,
        words=f"it is {kind.value}",
        retry_after_s=retry_after_s,
        pair_only=pair_only,
    )


class Fault:
    """What happens to the next `times` calls whose kind and words match.

    The call has its effect or not, and fails where a `problem` is set. With `stall` it first waits for `go`, with
    `late` it has its effect and then waits.
    """

    def __init__(
        self,
        kind: str,
        words: str = "",
        *,
        problem: Failure | None = None,
        effect: bool = False,
        stall: bool = False,
        late: bool = False,
        times: int = 1,
    ) -> None:
        self.kind = kind
        self.words = words
        self.problem = problem
        self.effect = effect or problem is None
        self.left = times
        self.reached = asyncio.Event()
        self.go = asyncio.Event()
        self.late = late
        if not stall and not late:
            self.go.set()


class Platform:
    """What both have in common: a list of calls, and faults."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        """Kind and words of each call, in the order they came."""
        self.instants: list[float] = []
        """When each call came (monotonic)."""
        self.under_way: Counter[str] = Counter()
        self.faults: list[Fault] = []

    def fault(self, kind: str, words: str = "", **how: object) -> Fault:
        """See `Fault`."""
        one = Fault(kind, words, **how)  # type: ignore[arg-type]
        self.faults.append(one)
        return one

    def count(self, kind: str, words: str = "") -> int:
        """How many calls of a kind came whose words contain `words`."""
        return sum(1 for one, said in self.calls if one == kind and words in said)

    async def _act(self, kind: str, words: str, effect: Callable[[], T]) -> T:
        self.calls.append((kind, words))
        self.instants.append(asyncio.get_running_loop().time())
        self.under_way[kind] += 1
        try:
            # A real call takes at least one turn of the loop.
            await asyncio.sleep(0)
            matching = (one for one in self.faults if one.left and one.kind == kind and one.words in words)
            fault = next(matching, None)
            if fault is None:
                return effect()
            fault.left -= 1
            if fault.late:
                result: T | None = effect()
                fault.reached.set()
                await fault.go.wait()
            else:
                fault.reached.set()
                await fault.go.wait()
                result = effect() if fault.effect else None
            if fault.problem is not None:
                raise PlatformError(fault.problem)
            assert result is not None or kind not in {"open_thread", "relay", "notice", "send"}
            return result  # type: ignore[return-value]
        finally:
            self.under_way[kind] -= 1


class Standing(msgspec.Struct):
    """A post that stands on the desk."""

    place: Place
    post: Post
    words: str
    actions: tuple[ActionId, ...]
    at: datetime


class FakeDesk(Platform):
    """See `adapters.base.Desk`. `posts` is what people would see."""

    name = "desk"
    capabilities = NOTHING

    def __init__(self, *, per_s: float = 1000.0, burst: int = 1000, merges: int = 10) -> None:
        super().__init__()
        self.posts: list[Standing] = []
        self.cards: dict[str, list[CardView]] = {}
        self.receipts: list[tuple[str, Receipt]] = []
        self.drafting: list[str] = []
        self.told: list[str] = []
        self.uploads: dict[str, str] = {}
        """Names of the files that were brought, by what the desk calls them."""
        self.shown: dict[str, list[Post]] = {}
        """The posts that show a file."""
        self.gone: set[str] = set()
        """Threads that were deleted."""
        self._bucket = (per_s, burst)
        self._merges = merges
        self._ids = 0

    def words(self, thread: str | None = None) -> list[str]:
        """The lines that stand in a thread, or in all of them, in order; cards left out."""
        found: list[str] = []
        for one in self.posts:
            if one.place.thread is not None and thread in (None, one.place.thread):
                found += one.words.split("\n")
        return found

    def threads(self) -> list[Place]:
        """The threads there are, in order of their opening."""
        return [
            msgspec.structs.replace(one.place, thread=one.post.id)
            for one in self.posts
            if one.place.thread is None
        ]

    def _post(self, place: Place, words: str, marker: Marker) -> Post:
        if place.thread in self.gone:
            raise PlatformError(failure(FailureKind.GONE))
        self._ids += 1
        post = Post(desk=self.name, channel=place.channel, id=f"p{self._ids}")
        self.posts.append(
            Standing(place=place, post=post, words=words, actions=marker.actions, at=datetime.now(UTC))
        )
        return post

    def post_bucket(self, channel: str) -> Bucket:
        return Bucket(key=f"desk:{channel}", per_s=self._bucket[0], burst=self._bucket[1])

    async def open_thread(self, channel: str, card: CardView, marker: Marker) -> tuple[Place, Post]:
        def effect() -> tuple[Place, Post]:
            post = self._post(Place(desk=self.name, channel=channel), card.name, marker)
            return Place(desk=self.name, channel=channel, thread=post.id), post

        return await self._act("open_thread", card.contact, effect)

    async def relay(
        self, place: Place, relays: Sequence[Relay], marker: Marker, quotes: Mapping[ActionId, Quoted]
    ) -> Post:
        words = "\n".join(bare(described(one.content)) for one in relays)
        return await self._act("relay", words, lambda: self._post(place, words, marker))

    async def remove(self, post: Post) -> bool:
        def effect() -> bool:
            before = len(self.posts)
            self.posts = [one for one in self.posts if one.post != post]
            return len(self.posts) < before

        return await self._act("remove", post.id, effect)

    async def upload(self, file: Spooled, name: str, content: Attachment) -> str:
        def effect() -> str:
            self._ids += 1
            self.uploads[f"f{self._ids}"] = name
            return f"f{self._ids}"

        return await self._act("upload", name, effect)

    async def show_file(self, place: Place, relay: Relay, file: str, quoted: Quoted = NOT_KNOWN) -> None:
        def effect() -> Post | None:
            marker = Marker(
                actions=(relay.id,),
                contact=relay.contact,
                conversation=relay.conversation,
                inbox=relay.inbox,
            )
            name = self.uploads[file]
            self.shown.setdefault(file, []).append(self._post(place, name, marker))
            return None

        await self._act("show_file", self.uploads.get(file, file), effect)

    async def find_file(self, place: Place, file: str) -> Post | None:
        return await self._act("find_file", file, lambda: next(iter(self.shown.get(file, [])), None))

    async def fetch_file(self, file: StaffFile, into: Spooled) -> None:
        async def bytes_of() -> AsyncIterator[bytes]:
            yield file.file.encode()

        await self._act("fetch_file", file.file, lambda: "")
        await into.take(bytes_of())

    async def drop_file(self, file: str) -> None:
        await self._act("drop_file", file, lambda: self.uploads.pop(file, None))

    def mergeable(self, relays: Sequence[Relay]) -> int:
        return min(len(relays), self._merges)

    async def notice(self, place: Place, notice: PostNotice, marker: Marker) -> Post:
        words = bare(notice.body).replace("\n", " ")
        return await self._act("notice", words, lambda: self._post(place, words, marker))

    async def update_card(self, card: Post, view: CardView) -> None:
        await self._act("update_card", card.id, lambda: self.cards.setdefault(card.id, []).append(view))

    async def amend(self, post: Post, thread: Place | None, amend: Amend, was: str) -> bool:
        return await self._act("amend", was, lambda: True)

    async def react(self, post: Post, emoji: str, *, on: bool) -> bool:
        return await self._act("react", emoji, lambda: on or bool(post))

    async def show_drafting(self, place: Place, who: str) -> None:
        await self._act("show_drafting", who, lambda: self.drafting.append(who))

    async def show_receipt(self, post: Post, receipt: Receipt) -> None:
        await self._act("show_receipt", post.id, lambda: self.receipts.append((post.id, receipt)))

    async def answer(self, answer: Answer) -> None:
        words = bare(answer.body)
        await self._act("answer", words, lambda: self.told.append(words))

    async def direct(self, message: DirectMessage, marker: Marker) -> None:
        words = bare(message.body)
        await self._act("direct", words, lambda: self.told.append(words))

    async def alert(self, alert: Alert, channel: str, marker: Marker) -> None:
        words = bare(alert.body)
        await self._act("alert", words, lambda: self.told.append(words))

    async def find(self, place: Place, marker: Marker, since: datetime) -> Post | None:
        def effect() -> Post | None:
            wanted = set(marker.actions)
            for one in self.posts:
                if one.place == place and one.at >= since and wanted & set(one.actions):
                    return one.post
            return None

        return await self._act("find", ",".join(marker.actions), effect)

    async def link(self, post: Post, thread: Place | None) -> str | None:
        """Addresses of the desk's own."""
        return f"https://desk.invalid/{post.channel}/{post.id}"

    async def find_thread(self, place: Place) -> ThreadRef | None:
        return await self._act("find_thread", place.thread or "", lambda: None)

    async def read_roster(self) -> tuple[Agent, ...]:
        return ()


class FakeChannel(Platform):
    """See `adapters.base.Channel`. `sent` is what contacts' phones show, as (address, text)."""

    name = "channel"
    capabilities = NOTHING

    def __init__(self, *, per_s: float = 1000.0, burst: int = 1000) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.read: list[str] = []
        self._bucket = (per_s, burst)

    def fitted(self, send: Send) -> Fitted:
        """One part a line."""
        lines = [line for line in bare(send.body).split("\n") if line]
        return Fitted(tuple(Outgoing(text=line) for line in lines))

    def reach(self, inbox: InboxId, digits: str) -> Reach:
        """By that number alone."""
        return Reach(aliases=(f"phone:main:{digits}",), address=f"phone:+{digits}", phone=digits)

    def buckets(self, inbox: InboxId, address: str) -> tuple[Bucket, ...]:
        return (Bucket(key=f"channel:{address}", per_s=self._bucket[0], burst=self._bucket[1]),)

    async def send(self, send: Send, part: int, outgoing: Outgoing, uploaded: Uploaded | None = None) -> str:
        text = outgoing.text

        def effect() -> str:
            self.sent.append((send.address, text))
            return f"out-{send.message}-{part}-{len(self.sent)}"

        return await self._act("send", text, effect)

    async def templates(self, inbox: InboxId) -> tuple[Template, ...]:
        return await self._act("templates", inbox, tuple)

    async def react(self, inbox: InboxId, address: str, platform_id: str, emoji: str) -> None:
        await self._act("react", f"{platform_id} {emoji}", lambda: None)

    async def upload(self, inbox: InboxId, file: StaffFile, spooled: Spooled, *, captioned: bool) -> Uploaded:
        return await self._act("upload", file.file, lambda: Uploaded(media=f"file:{file.file}"))

    async def fetch(self, inbox: InboxId, attachment: Attachment, into: Spooled) -> str:
        async def bytes_of() -> AsyncIterator[bytes]:
            yield attachment.media.encode()

        await self._act("fetch", attachment.media, lambda: "")
        await into.take(bytes_of())
        return attachment.mime

    async def mark_read(self, inbox: InboxId, platform_id: str, *, typing: bool = False) -> None:
        await self._act("mark_read", platform_id, lambda: self.read.append(platform_id))

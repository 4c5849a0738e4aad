"""Who works on this desk: people named in the settings, user groups, and members of the inboxes' channels."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from bridge.adapters.base import Inlet
from bridge.adapters.slack.caller import Caller
from bridge.adapters.slack.ids import agent_id, desk_user
from bridge.errors import FailureKind, PlatformError
from bridge.markup import one_line
from bridge.model import Agent, DeskUser, InboxId, Role, Struct

_PAGE = 200
_KEPT = 5000
_FRESH_S = 1800.0
_FRESH_FOR_RIGHTS_S = 240.0
_SILENCE_S = 10.0


class People(Struct, frozen=True):
    """Who is what, by the settings: user ids (`U…`, `W…`), user groups (`S…`) or e-mail addresses."""

    agents: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()

    def by_role(self) -> tuple[tuple[Role, tuple[str, ...]], ...]:
        """The lists, the weakest role first."""
        return (
            (Role.AGENT, self.agents),
            (Role.LEAD, self.leads),
            (Role.MANAGER, self.managers),
            (Role.ADMIN, self.admins),
        )


class Profile(Struct, frozen=True):
    """What we keep of a Slack user."""

    name: str = ""
    real_name: str = ""
    """Also shown by Slack's clients, in place of the display name where a workspace or reader prefers it."""
    member: bool = False
    """A full member: no guest, no bot, not deactivated, and of this workspace."""
    deleted: bool = False


class Profiles:
    """Users by id, as Slack last told (Slack: users.info); bounded, and read again when they are old."""

    def __init__(self, caller: Caller, team: str = "", now: Callable[[], float] = time.monotonic) -> None:
        self._caller = caller
        self.team = team
        self._now = now
        self._known: OrderedDict[str, tuple[float, Profile]] = OrderedDict()

    def forget(self, user: str) -> None:
        """Read it again the next time."""
        self._known.pop(user, None)

    async def get(self, user: str, fresh_s: float = _FRESH_S) -> Profile:
        """The profile, read again when older than `fresh_s`; an empty one for a user that Slack does not show us.

        Raises `PlatformError` when Slack cannot be asked and nothing older is known.
        """
        read_at, known = self._known.get(user, (0.0, None))
        if known is not None and self._now() - read_at < fresh_s:
            return known
        try:
            answer = await self._caller.call("users.info", {"user": user})
        except PlatformError as error:
            if error.failure.kind is FailureKind.NEVER:
                return self._keep(user, Profile())
            if known is not None:
                return known
            raise
        return self._keep(user, profile_of(answer.get("user") or {}, self.team))

    def _keep(self, user: str, profile: Profile) -> Profile:
        self._known[user] = (self._now(), profile)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return profile


def profile_of(user: Mapping[str, Any], team: str) -> Profile:
    """What a user object of Slack says. A display name may be empty: then the real name counts."""
    shown = user.get("profile") or {}
    name = (
        shown.get("display_name") or shown.get("real_name") or user.get("real_name") or user.get("name") or ""
    )
    outsider = bool(user.get("is_stranger")) or bool(team and user.get("team_id", team) != team)
    guest = bool(user.get("is_restricted") or user.get("is_ultra_restricted"))
    bot = bool(user.get("is_bot")) or user.get("id") == "USLACKBOT"
    deleted = bool(user.get("deleted"))
    return Profile(
        name=one_line(str(name)),
        real_name=one_line(str(shown.get("real_name") or user.get("real_name") or "")),
        member=not (outsider or guest or bot or deleted),
        deleted=deleted,
    )


class Author(TypedDict):
    """The fields of a `DeskEvent` that say whose it is."""

    author: DeskUser
    author_name: str


class Names:
    """How people are called: from the roster, else from Slack, within a time that an answer can wait."""

    def __init__(self, inlet: Inlet, profiles: Profiles, patience_s: float = 0.8) -> None:
        self._inlet = inlet
        self._profiles = profiles
        self._patience_s = patience_s
        self._silent_until = 0.0

    def account(self, user: str, team: object) -> DeskUser:
        """The account of a user whom Slack says to be of `team` (None: it does not say)."""
        return desk_user(user, team, self._profiles.team)

    async def author(self, user: str, team: object, message: Mapping[str, Any] | None = None) -> Author:
        """Who did something, as events say it."""
        return {
            "author": self.account(user, team),
            "author_name": await self.of(user, message, team=team),
        }

    async def of(self, user: str, message: Mapping[str, Any] | None = None, *, team: object = None) -> str:
        """The name of a user of `team`, or "" when it cannot be had in time. Never raises `PlatformError`."""
        agent = self._inlet.roster().find(self.account(user, team))
        if agent is not None:
            return agent.name
        inlined = (message or {}).get("user_profile")
        if isinstance(inlined, dict):
            return profile_of({"profile": inlined}, "").name
        if time.monotonic() < self._silent_until:
            return ""
        try:
            async with asyncio.timeout(self._patience_s):
                return (await self._profiles.get(user)).name
        except (PlatformError, TimeoutError):
            # A name is no reason to keep Slack waiting for every post of a busy thread.
            self._silent_until = time.monotonic() + _SILENCE_S
            return ""


class RosterReader:
    """Reads the desk's agents with their roles."""

    def __init__(
        self, caller: Caller, profiles: Profiles, people: People, channels: Mapping[InboxId, str]
    ) -> None:
        """`people` hold in all inboxes; the members of `channels` are agents of that inbox."""
        self._caller = caller
        self._profiles = profiles
        self._people = people
        self._channels = channels
        self.problems: tuple[str, ...] = ()
        """What could not be read the last time, in words."""

    async def read(self) -> tuple[Agent, ...]:
        """Everybody with a role, sorted by user id.

        Raises `PlatformError` when Slack cannot be asked; a group or person that does not exist is only noted in
        `problems`.
        """
        problems: list[str] = []
        roles: dict[str, Role] = {}
        for role, named in self._people.by_role():
            for user in await self._users(named, problems):
                roles[user] = role
        inboxes: dict[str, list[InboxId]] = {}
        for inbox, channel in self._channels.items():
            for user in await self._members(channel, problems):
                inboxes.setdefault(user, []).append(inbox)
        agents = []
        for user in sorted({*roles, *inboxes}):
            # Whoever was made a guest or left must not stay an agent for long.
            profile = await self._profiles.get(user, _FRESH_FOR_RIGHTS_S)
            if profile.member:
                agents.append(_agent(user, profile, roles.get(user), inboxes.get(user, [])))
        self.problems = tuple(problems)
        return tuple(agents)

    async def _users(self, named: Sequence[str], problems: list[str]) -> list[str]:
        users: list[str] = []
        for one in named:
            try:
                users.extend(await self._resolve(one))
            except PlatformError as error:
                if error.failure.kind is not FailureKind.NEVER:
                    raise
                problems.append(f"{one}: {error.failure.words}")
        return users

    async def _resolve(self, one: str) -> list[str]:
        if "@" in one:
            answer = await self._caller.call("users.lookupByEmail", {"email": one})
            return [str(answer["user"]["id"])]
        if one.startswith("S"):
            answer = await self._caller.call("usergroups.users.list", {"usergroup": one})
            return [str(user) for user in answer.get("users") or []]
        return [one]

    async def _members(self, channel: str, problems: list[str]) -> list[str]:
        try:
            return await self._pages(channel)
        except PlatformError as error:
            if error.failure.code not in {"channel_not_found", "not_in_channel", "is_archived"}:
                raise
            problems.append(f"{channel}: {error.failure.words}")
            return []

    async def _pages(self, channel: str) -> list[str]:
        members: list[str] = []
        cursor = ""
        while True:
            answer = await self._caller.call(
                "conversations.members", {"channel": channel, "limit": _PAGE, "cursor": cursor or None}
            )
            members.extend(str(user) for user in answer.get("members") or [])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return members


def _agent(user: str, profile: Profile, role: Role | None, inboxes: Sequence[InboxId]) -> Agent:
    account = desk_user(user)
    return Agent(
        id=agent_id(account),
        name=profile.name or user,
        role=Role.AGENT if role is None else role,
        accounts=(account,),
        inboxes=tuple(sorted(inboxes)) if role is None else (),
        also=(profile.real_name,) if profile.real_name not in {"", profile.name} else (),
    )

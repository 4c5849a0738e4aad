"""Who works on the desk, and what a check of the installation finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.adapters.slack.check import check
from bridge.adapters.slack.ids import agent_id, desk_user
from bridge.adapters.slack.manifest import scopes
from bridge.adapters.slack.roster import People, Profiles, RosterReader, profile_of
from bridge.errors import FailureKind, Finding, Level, PlatformError
from bridge.model import Agent, InboxId, Role
from bridge.sandbox.faults import Fault
from bridge.sandbox.slack.config import PersonConfig, SlackConfig
from tests.adapters.slack.conftest import MakeRig

CHANNELS = {InboxId("support"): "C0SUPPORT1", InboxId("sales"): "C0SALES001"}


def by_name(agents: Sequence[Agent]) -> dict[str, tuple[Role, tuple[str, ...]]]:
    """Role and inboxes by name."""
    return {agent.name: (agent.role, agent.inboxes) for agent in agents}


async def test_members_of_a_channel_are_agents_of_its_inbox(make_rig: MakeRig) -> None:
    """Guests and the bot are not; somebody in two channels is an agent of both inboxes."""
    rig = await make_rig(people={"channels": CHANNELS})
    agents = await rig.desk.read_roster()
    assert by_name(agents) == {
        "ben": (Role.AGENT, ("support",)),
        "carla": (Role.AGENT, ("sales", "support")),
        "dana": (Role.AGENT, ("sales", "support")),
    }
    ben = next(agent for agent in agents if agent.name == "ben")
    assert ben.accounts == (desk_user("U0BEN00001"),)
    assert ben.id == agent_id(desk_user("U0BEN00001"))


async def test_the_highest_role_that_names_a_person_counts(make_rig: MakeRig) -> None:
    """People are named by id, address or group, and hold everywhere."""
    people = People(
        agents=("S0AGENTS01",), leads=("carla@example.com",), admins=("U0DANA0001", "carla@example.com")
    )
    rig = await make_rig(people={"people": people})
    assert by_name(await rig.desk.read_roster()) == {
        "ben": (Role.AGENT, ()),
        "carla": (Role.ADMIN, ()),
        "dana": (Role.ADMIN, ()),
    }


async def test_guests_outsiders_and_former_staff_are_viewers_even_when_named(make_rig: MakeRig) -> None:
    """A name in a list makes nobody an agent who is no full member."""
    strangers = [
        PersonConfig("U0OUT00001", "otto", role="outsider"),
        PersonConfig("U0GONE0001", "gone", deleted=True),
    ]
    people = People(agents=("U0GIL00001", "U0OUT00001", "U0GONE0001", "U0BOT00001", "U0BEN00001"))
    rig = await make_rig(people={"people": people}, people_config=[*SlackConfig().people, *strangers])
    assert list(by_name(await rig.desk.read_roster())) == ["ben"]


async def test_unknown_people_and_groups_are_named_and_cost_nobody_else(make_rig: MakeRig) -> None:
    """A wrong address or a plan without groups is a problem to report, not a failure."""
    people = People(agents=("nobody@example.com", "S0AGENTS01", "U0BEN00001"))
    rig = await make_rig(people={"people": people})
    rig.sandbox.faults.add(
        Fault("slack.usergroups.users.list", "error", params={"error": "plan_upgrade_required"})
    )
    assert list(by_name(await rig.desk.read_roster())) == ["ben"]
    groups = next(problem for problem in rig.desk.roster_problems if "S0AGENTS01" in problem)
    assert "paid" in groups
    assert any("nobody@example.com" in problem for problem in rig.desk.roster_problems)


async def test_a_roster_that_cannot_be_read_is_no_empty_roster(make_rig: MakeRig) -> None:
    """When Slack does not answer, the old people stay, because nothing is returned."""
    rig = await make_rig(people={"channels": CHANNELS})
    rig.sandbox.faults.add(Fault("slack.conversations.members", "status", params={"status": 503}))
    with pytest.raises(PlatformError) as refused:
        await rig.desk.read_roster()
    assert refused.value.failure.kind is FailureKind.RETRY


def test_a_display_name_may_be_empty() -> None:
    """Then the real name counts; neither can hide or reorder anything."""
    assert profile_of({"profile": {"display_name": "", "real_name": "Ana\u202e B"}}, "").name == "Ana B"


# ---------------------------------------------------------------------------------------------------- check


def bad(findings: Sequence[Finding]) -> list[str]:
    """The names of what is not well; each has to say what to do."""
    assert all(finding.advice for finding in findings if finding.level is not Level.OK)
    return [finding.name for finding in findings if finding.level is not Level.OK]


GRANTED = list(scopes())


async def test_a_sound_installation_has_no_complaints(make_rig: MakeRig) -> None:
    """Token, scopes, app token, channels and people are all tried."""
    rig = await make_rig(people={"channels": CHANNELS}, scopes=GRANTED)
    findings = await check(rig.desk, "socket", {"Support": "C0SUPPORT1"}, app_token=rig.config.app_token)
    assert bad(findings) == []
    assert len(findings) == 5


async def test_each_fault_of_an_installation_is_named(make_rig: MakeRig) -> None:
    """A missing scope, a wrong app token, channels without the bot, unknown or archived, nobody to answer."""
    rig = await make_rig(scopes=[scope for scope in GRANTED if scope != "chat:write.customize"])
    rig.sandbox.slack.channel("sales").archive()
    channels = {"a": "C0GENERAL1", "b": "C0NOWHERE1", "c": "C0SALES001"}
    findings = await check(rig.desk, "socket", channels, app_token="xapp-wrong")
    assert bad(findings) == [
        "slack.scopes",
        "slack.app_token",
        "slack.channel.a",
        "slack.channel.b",
        "slack.channel.c",
        "slack.people",
    ]
    said = {finding.name: finding.found + finding.advice for finding in findings}
    assert "chat:write.customize" in said["slack.scopes"]
    assert "/invite @" in said["slack.channel.a"]
    assert "archived" in said["slack.channel.c"]


async def test_missing_secrets_are_named(make_rig: MakeRig) -> None:
    """Socket Mode needs the app token, HTTP mode the signing secret; a dead bot token ends the check."""
    rig = await make_rig(scopes=GRANTED, people={"channels": CHANNELS})
    assert bad(await check(rig.desk, "socket", {})) == ["slack.app_token"]
    assert bad(await check(rig.desk, "http", {})) == ["slack.signing_secret"]
    assert bad(await check(rig.desk, "http", {}, signing_secret="s")) == []


async def test_a_dead_token_ends_the_check(make_rig: MakeRig) -> None:
    """Nothing else can be tried without the bot's token."""
    rig = await make_rig(mode="http")
    rig.sandbox.faults.add(Fault("slack.auth.test", "error", -1, params={"error": "account_inactive"}))
    assert bad(await check(rig.desk, "http", {})) == ["slack.token"]


async def test_a_change_of_standing_is_seen_within_minutes(make_rig: MakeRig) -> None:
    """Somebody who was made a guest, or has left, is no agent at the next reading that is some minutes later."""
    rig = await make_rig()
    clock = [0.0]
    profiles = Profiles(rig.desk.caller, "T0TEAM0001", now=lambda: clock[0])
    reader = RosterReader(rig.desk.caller, profiles, People(agents=("U0BEN00001", "U0CARLA001")), {})
    assert list(by_name(await reader.read())) == ["ben", "carla"]
    people = rig.sandbox.slack.workspace.people
    people["U0BEN00001"].role = "single_guest"
    people["U0CARLA001"].deleted = True
    clock[0] = 300.0
    assert await reader.read() == ()

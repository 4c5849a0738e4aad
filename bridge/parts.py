"""What the settings ask for, one part at a time: for the process, and for commands that need a part of it alone."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from datetime import timedelta

from bridge.adapters.base import Inlet
from bridge.adapters.http import HttpClient
from bridge.adapters.slack.adapter import SlackDesk
from bridge.adapters.slack.roster import People
from bridge.adapters.whatsapp.adapter import WhatsAppChannel
from bridge.adapters.whatsapp.arrive import WhatsAppWebhook
from bridge.adapters.whatsapp.numbers import Number
from bridge.media.links import Links
from bridge.media.spool import Spool
from bridge.model import DESK_LANE, InboxId, InboxPolicy, LaneId, Policies, Roster, shard_lane
from bridge.settings import InboxSettings, Settings
from bridge.store.archive.retention import Policy
from bridge.store.cluster import ClusterRedis
from bridge.store.joined import JoinedRedis, Timing
from bridge.store.sentinel import Watched, parse_sentinels

# ------------------------------------------------------------------------------- settings, handed on


def inbox_policy(inbox: InboxSettings, settings: Settings) -> InboxPolicy:
    """What routing needs to know of an inbox."""
    return InboxPolicy(
        id=InboxId(inbox.id),
        name=inbox.name,
        desk=inbox.desk,
        channel=inbox.channel,
        mode=inbox.mode,
        hold_s=inbox.hold_s,
        read_receipts=inbox.read_receipts,
        nudge_s=inbox.nudge_minutes * 60.0,
        reactions=inbox.reactions,
        admin_channel=inbox.admin_channel or settings.slack.admin_channel,
        team=inbox.team,
    )


def policies(settings: Settings) -> Policies:
    """What routing needs to know of the settings. Waits scale like every other one."""
    scale = settings.pace.scale
    return Policies(
        shards=settings.shards,
        inboxes={InboxId(one.id): inbox_policy(one, settings) for one in settings.inboxes},
        choice_reminder_s=Policies().choice_reminder_s * scale,
        limits=WhatsAppChannel.capabilities.limits,
    )


def retention_policy(settings: Settings) -> Policy:
    """How long what was said is kept."""
    inboxes = {
        InboxId(one.id): one.retention_days or None
        for one in settings.inboxes
        if one.retention_days is not None
    }
    return Policy(days=settings.archive.retention_days or None, inboxes=inboxes)


def numbers(settings: Settings) -> list[Number]:
    """The business numbers, each with the credentials it uses."""
    default = settings.whatsapp
    return [
        Number(
            inbox=InboxId(one.id),
            phone_number_id=one.phone_number_id,
            waba_id=one.waba_id,
            token=(one.access_token or default.access_token).get_secret_value(),
            app_secret=(one.app_secret or default.app_secret).get_secret_value(),
            portfolio=one.portfolio or default.portfolio,
        )
        for one in settings.inboxes
    ]


def lanes(settings: Settings) -> tuple[LaneId, ...]:
    """All lanes of the deployment."""
    return (*(shard_lane(shard) for shard in range(settings.shards)), DESK_LANE)


def owner_name() -> str:
    """Names this process among the workers."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def host_of(owner: str) -> str:
    """The machine that a worker of this name runs on."""
    return owner.rsplit("-", 2)[0]


def open_redis(settings: Settings) -> JoinedRedis | ClusterRedis:
    """The Redis of the settings; connects at the first command."""
    redis, timing = settings.redis, Timing(answer_s=settings.redis.timeout_s)
    if redis.cluster:
        return ClusterRedis(redis.url, timing)
    password = redis.sentinel_password
    watched = Watched(
        sentinels=parse_sentinels(redis.sentinels),
        name=redis.sentinel_name,
        password=password.get_secret_value() if password else None,
    )
    return JoinedRedis(redis.url, timing, watched if redis.sentinels else None)


# ---------------------------------------------------------------------------------- the platforms' sides


def slack_desk(settings: Settings, http: HttpClient, roster: Callable[[], Roster] = Roster) -> SlackDesk:
    """The Slack workspace of the settings, on shared connections; `roster` is the latest snapshot of the people."""
    slack, people = settings.slack, settings.agents
    channels = {InboxId(one.id): one.channel for one in settings.inboxes}
    return SlackDesk(
        http,
        bot_token=slack.bot_token.get_secret_value(),
        api_url=slack.api_url,
        people=People(
            agents=people.agents, leads=people.leads, managers=people.managers, admins=people.admins
        ),
        channels=channels if people.from_channel else {},
        timeout_s=settings.engine.send_timeout_s,
        posts_per_s=settings.pace.slack_posts_per_s,
        posts_burst=settings.pace.slack_posts_burst,
        roster=roster,
    )


def whatsapp_channel(settings: Settings) -> WhatsAppChannel:
    """The WhatsApp numbers of the settings."""
    return WhatsAppChannel(
        settings.whatsapp.api_url,
        settings.whatsapp.api_version,
        numbers(settings),
        throughput_per_s=settings.pace.whatsapp_messages_per_s,
        pair_per_s=1 / settings.pace.whatsapp_pair_every_s,
        pair_burst=settings.pace.whatsapp_pair_burst,
        media_hosts=settings.whatsapp.media_hosts,
    )


def media_spool(settings: Settings) -> Spool:
    """Where contacts' files are kept on their way."""
    media = settings.media
    return Spool(media.max_mb * 1024 * 1024, most_files=media.transfers, directory=media.directory)


def media_links(settings: Settings) -> Links | None:
    """What makes and reads links to contacts' files; None where no browser reaches us. All processes have the app's
    secret, and a new one ends all links.
    """
    if settings.web.public_url is None:
        return None
    secret = settings.whatsapp.app_secret.get_secret_value()
    return Links(settings.web.public_url, secret, timedelta(days=settings.media.link_days))


def whatsapp_webhook(settings: Settings, inlet: Inlet, count: Callable[[str], None]) -> WhatsAppWebhook:
    """The handlers of WhatsApp's webhook; `count` is told of everything out of the ordinary."""
    return WhatsAppWebhook(
        inlet,
        numbers(settings),
        settings.whatsapp.verify_token.get_secret_value(),
        count,
        max_body=settings.web.max_body_bytes,
    )

"""The typed tree of settings. Descriptions say what is expected, and examples show it: errors quote both."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bridge.markup import bare_emoji, is_emoji
from bridge.model import Mode

LEAST_RETENTION_DAYS = 14
"""What is archived is not deleted sooner."""


class Section(BaseModel):
    """One table of the file. Unknown keys are errors, values never change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


# ---------------------------------------------------------------------------------------- kinds of values


def _clean(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text != text.strip():
        raise ValueError("has spaces or line breaks around it")
    if not text:
        raise ValueError("is empty")
    return secret


def _starts(prefix: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith(prefix):
            raise ValueError(f"does not start with {prefix}")
        return secret

    return AfterValidator(check)


def _retention(days: int) -> int:
    if 0 < days < LEAST_RETENTION_DAYS:
        raise ValueError(
            f"is less than {LEAST_RETENTION_DAYS}: until then news of a message may still come (0 keeps for ever)"
        )
    return days


def _split(value: object) -> object:
    """In the environment a list of words may be written with commas."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return value


def _address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("does not start with https://")
    return text.rstrip("/")


def _slack_address(text: str) -> str:
    address = _address(text)
    if not address.endswith("/api"):
        raise ValueError("does not end in /api/")
    return address + "/"


def _redis_address(text: str) -> str:
    if not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("does not start with redis:// or rediss://")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        # Whose words would repeat the address, and with it the password.
        raise ValueError("has a port that is no number") from None
    if parts.scheme != "unix" and not parts.path.strip("/").isdigit() and parts.path.strip("/"):
        raise ValueError("names a database that is no number") from None
    return text


def _archive_address(text: str) -> str:
    if text.startswith("sqlite:"):
        if not text.startswith("sqlite:///") or not text.removeprefix("sqlite:///"):
            raise ValueError("names no file, as sqlite:///threadline.sqlite3 does")
        return text
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("does not start with sqlite:/// or postgresql://")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        # Whose words would repeat the address, and with it the password.
        raise ValueError("has a port that is no number") from None
    if not parts.path.strip("/"):
        raise ValueError("names no database, as postgresql://user:password@host/threadline does")
    return text


Retention = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_retention)]
Secret = Annotated[SecretStr, AfterValidator(_clean)]
HostAndPort = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(:\d{1,5})?$")]
Digits = Annotated[str, Field(pattern=r"^\d{5,}$")]
SlackChannel = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,}$")]
# Slack: user ids start with U or W, user groups with S; everything else has to be an e-mail address.
Person = Annotated[str, Field(pattern=r"^([UWS][A-Z0-9]{2,}|[^@\s]+@[^@\s]+\.[^@\s]+)$")]
People = Annotated[tuple[Person, ...], BeforeValidator(_split)]


# ----------------------------------------------------------------------------------------------- sections


class WhatsAppSettings(Section):
    """WhatsApp Business Platform, Cloud API. An inbox may bring a token and app secret of its own."""

    access_token: Secret = Field(
        description="a permanent access token of a system user with whatsapp_business_messaging",
        examples=["EAAG-your-token"],
    )
    app_secret: Secret = Field(
        description="the Meta app's secret, with which webhooks are signed",
        examples=["your-app-secret"],
    )
    verify_token: Secret = Field(
        description="a word you choose and also type into the app's webhook form",
        examples=["a-long-random-word"],
    )
    api_url: Annotated[str, AfterValidator(_address)] = Field(
        default="https://graph.facebook.com",
        description="the Graph API's address, up to and without the version",
    )
    api_version: Annotated[str, Field(pattern=r"^v\d+\.\d+$")] = Field(
        default="v26.0", description="the Graph API's version"
    )
    media_hosts: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        default=("lookaside.fbsbx.com",),
        description="the hosts, beside the API's own, from which contacts' files are fetched with the access token",
        examples=[["lookaside.fbsbx.com"]],
    )
    portfolio: Annotated[str, Field(pattern=r"^[\w-]+$")] = Field(
        default="default",
        description="the business portfolio of the numbers: user ids (BSUID) are compared only within one",
        examples=["default", "acme"],
    )


class SlackMode(enum.StrEnum):
    """How Slack's events reach us."""

    SOCKET = "socket"
    HTTP = "http"


class SlackSettings(Section):
    """The Slack workspace where staff answer."""

    bot_token: Annotated[Secret, _starts("xoxb-")] = Field(
        description="the bot's OAuth token, which starts with xoxb-", examples=["xoxb-your-token"]
    )
    app_token: Annotated[Secret, _starts("xapp-")] | None = Field(
        default=None,
        description="the app-level token with connections:write, which starts with xapp- (for mode socket)",
        examples=["xapp-your-token"],
    )
    signing_secret: Secret | None = Field(
        default=None,
        description="the app's signing secret, with which requests are signed (for mode http)",
        examples=["your-signing-secret"],
    )
    mode: SlackMode = Field(
        default=SlackMode.SOCKET,
        description="socket (no public address needed) or http (events come to /webhooks/slack)",
    )
    api_url: Annotated[str, AfterValidator(_slack_address)] = Field(
        default="https://slack.com/api/", description="the Web API's address, which ends in /api/"
    )
    admin_channel: SlackChannel | None = Field(
        default=None,
        description="the id of the channel that gets alerts; without it each inbox's own channel does",
        examples=["C0ADMINS01"],
    )


class RedisSettings(Section):
    """Redis or Valkey: streams, live state, timers."""

    # Kept out of repr and errors like a secret, because the address may hold a password.
    url: Annotated[str, AfterValidator(_redis_address)] = Field(
        default="redis://127.0.0.1:6379/0",
        repr=False,
        description="the server's address, with user and password when it needs them",
        examples=["redis://127.0.0.1:6379/0", "rediss://user:password@redis.example.com:6380/0"],
        json_schema_extra={"secret": True},
    )
    sentinels: Annotated[tuple[HostAndPort, ...], BeforeValidator(_split)] = Field(
        default=(),
        description="host:port of each Sentinel; where there are some, host and port of the address do not count",
        examples=[["sentinel-1.example.com:26379", "sentinel-2.example.com:26379"]],
    )
    sentinel_name: Annotated[str, Field(min_length=1)] = Field(
        default="mymaster", description="what the Sentinels call the primary"
    )
    sentinel_password: Secret | None = Field(
        default=None,
        description="the password that the Sentinels themselves want",
        examples=["the-sentinels-password"],
    )
    cluster: bool = Field(
        default=False, description="whether the address is that of a node of a cluster (Redis Cluster)"
    )
    timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="seconds to wait for an answer before it counts as a failure"
    )
    replicas: int = Field(
        default=0,
        ge=0,
        le=10,
        description="how many replicas have to have what arrives before the platform hears that we have it",
    )


class ArchiveSettings(Section):
    """The SQL database that remembers: history, lists, search. SQLite on one host, PostgreSQL for several."""

    # Kept out of repr and errors like a secret, because the address may hold a password.
    url: Annotated[str, AfterValidator(_archive_address)] = Field(
        default="sqlite:///threadline.sqlite3",
        repr=False,
        description="the database's address: a file (sqlite:///relative or sqlite:////absolute) or a PostgreSQL",
        examples=[
            "sqlite:////var/lib/threadline/archive.sqlite3",
            "postgresql://user:password@db/threadline",
        ],
        json_schema_extra={"secret": True},
    )
    rest_after_days: float = Field(
        default=7.0,
        gt=0,
        description="days after which a contact with nothing open leaves Redis; a stub stays, the archive has the rest",
    )
    stub_days: float = Field(
        default=90.0, gt=0, description="days after which not even the stub of such a contact stays in Redis"
    )
    retention_days: Retention = Field(
        default=0,
        description="days after which what was said is deleted, but for active conversations; 0 keeps it for ever",
        examples=[365],
    )


def _one_emoji(value: str) -> str:
    plain = bare_emoji(value)
    if not is_emoji(plain):
        raise ValueError(f"{value!r} is not one emoji: write the character itself, such as 👍")
    return plain


OneEmoji = Annotated[str, AfterValidator(_one_emoji)]


class InboxSettings(Section):
    """One WhatsApp business number, and where and how it is answered."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = Field(
        description="a short name of your choice, in small letters, digits and dashes; never change it",
        examples=["support"],
    )
    name: Annotated[str, Field(min_length=1, max_length=80)] = Field(
        description="the name that people see", examples=["Support"]
    )
    phone_number_id: Digits = Field(
        description="the id (not the number) of the phone number, digits in quotes",
        examples=["106540352242922"],
    )
    waba_id: Digits = Field(
        description="the id of the WhatsApp Business account, digits in quotes", examples=["102290129340398"]
    )
    channel: SlackChannel = Field(
        description="the id (not the name) of the channel where threads are opened",
        examples=["C0SUPPORT1"],
    )
    desk: Literal["slack"] = Field(default="slack", description="the platform where staff answer")
    team: str | None = Field(
        default=None, description="the team that answers here, as !who shows it", examples=["support"]
    )
    mode: Mode = Field(
        default=Mode.ASSIGNEE,
        description="whose plain text reaches the contact: assignee, everyone, or explicit (only !reply)",
    )
    hold_s: float = Field(
        default=0.0,
        ge=0,
        le=300,
        description="seconds for which a reply can still be undone; 0 sends at once",
    )
    read_receipts: bool = Field(
        default=True, description="whether the contact sees that messages were read, once an agent answers"
    )
    nudge_minutes: int = Field(
        default=120,
        ge=0,
        le=1440,
        description="minutes before the 24 hours end at which the assignee of an unanswered contact is reminded; 0: never",
    )
    reactions: tuple[OneEmoji, ...] = Field(
        default=(),
        description="emoji with which agents react to the contact by putting them on a post; others stay on the desk",
        examples=[["👍", "❤️"]],
    )
    portfolio: Annotated[str, Field(pattern=r"^[\w-]+$")] | None = Field(
        default=None, description="the portfolio, where it differs from whatsapp.portfolio", examples=["acme"]
    )
    admin_channel: SlackChannel | None = Field(
        default=None,
        description="the id of the channel for this inbox's alerts, where it differs from slack.admin_channel",
        examples=["C0ADMINS01"],
    )
    retention_days: Retention | None = Field(
        default=None,
        description="days after which what was said here is deleted, where it differs from archive.retention_days",
        examples=[90],
    )
    access_token: Secret | None = Field(
        default=None,
        description="an access token for this number, where it differs from whatsapp.access_token",
        examples=["EAAG-your-token"],
    )
    app_secret: Secret | None = Field(
        default=None,
        description="the secret of this number's app, where it differs from whatsapp.app_secret",
        examples=["your-app-secret"],
    )


class AgentSettings(Section):
    """Who may do what on the desk. The highest role that names a person counts."""

    agents: People = Field(
        default=(),
        description="who may answer: Slack user ids, e-mail addresses or user group ids",
        examples=[["U0BEN00001", "ben@example.com", "S0SUPPORT1"]],
    )
    leads: People = Field(
        default=(), description="who may also act on others' conversations", examples=[["carla@example.com"]]
    )
    managers: People = Field(
        default=(), description="leads who also see reports and digests", examples=[["mia@example.com"]]
    )
    admins: People = Field(default=(), description="who may do everything", examples=[["dana@example.com"]])
    from_channel: bool = Field(
        default=True, description="whether the full members of an inbox's channel are agents of that inbox"
    )


class WebSettings(Section):
    """The HTTP server: webhooks, health and metrics."""

    host: Annotated[str, Field(min_length=1)] = Field(
        default="127.0.0.1", description="the address to listen on; 0.0.0.0 for all"
    )
    port: int = Field(default=8000, ge=0, le=65535, description="the port to listen on; 0 picks a free one")
    public_url: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None,
        description="the address under which browsers reach this server; with it agents get links to files",
        examples=["https://threadline.example.com"],
    )
    # WhatsApp: webhook bodies reach 3 MB.
    max_body_bytes: int = Field(
        default=3 * 1024 * 1024, ge=65_536, le=64 * 1024 * 1024, description="the largest body that is read"
    )


class MediaSettings(Section):
    """Files that contacts send: how large, how many at once, where they are kept on their way."""

    # WhatsApp: contacts' files have up to 100 MB.
    max_mb: int = Field(default=100, ge=1, le=1000, description="the largest file that is taken, in MB")
    transfers: int = Field(
        default=4,
        ge=1,
        le=64,
        description="files on their way at once; each takes max_mb on the disk at most",
    )
    directory: Path | None = Field(
        default=None,
        description="where files are kept on their way, on a real disk; the system's directory for temporary files",
        examples=["/var/lib/threadline"],
    )
    link_days: float = Field(
        default=7.0, gt=0, le=30, description="days for which a link to a file is good; needs web.public_url"
    )


class PaceSettings(Section):
    """How fast we talk to the platforms. The defaults are the platforms' published limits."""

    scale: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="multiplies every wait; 0 turns waiting off (tests, benchmarks)",
    )
    slack_posts_per_s: float = Field(default=1.0, gt=0, description="posts a second in one Slack channel")
    slack_posts_burst: int = Field(
        default=1, ge=1, description="posts that may go out at once after a quiet time"
    )
    whatsapp_messages_per_s: float = Field(
        default=80.0, gt=0, description="messages a second of one business number, in and out together"
    )
    whatsapp_pair_every_s: float = Field(
        default=6.0, gt=0, description="seconds between messages to one contact, over time"
    )
    whatsapp_pair_burst: int = Field(
        default=45, ge=1, description="messages to one contact that may go out at once after a quiet time"
    )


class EngineSettings(Section):
    """The workers: holds on shards, what is in hand, tries and deadlines."""

    # Calls need a second that surely lies within the hold, and a quarter of it may pass before it is renewed.
    hold_ttl_s: float = Field(
        default=15.0, ge=3, le=300, description="seconds after which a silent worker loses its shards"
    )
    max_in_hand: int = Field(default=1024, ge=1, description="events and actions that a worker has in memory")
    max_in_hand_per_contact: int = Field(
        default=32, ge=1, description="the same for one contact; the rest wait in Redis"
    )
    tries: int = Field(
        default=3, ge=1, le=20, description="tries before an event is put with the dead letters"
    )
    send_timeout_s: float = Field(
        default=10.0, gt=0, description="seconds a platform has to answer a send; less than hold_ttl_s"
    )
    drain_s: float = Field(
        default=20.0, ge=0, le=600, description="seconds to finish what is in hand when told to stop"
    )


class LogSettings(Section):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe level that is shown"
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json, console, or auto: console on a terminal and json elsewhere"
    )


class ProcessRole(enum.StrEnum):
    """What a process does; one process may have several roles."""

    WEB = "web"
    WORKER = "worker"
    SCHEDULER = "scheduler"


def _roles(value: object) -> object:
    words = _split(value)
    return list(ProcessRole) if words in (["all"], ("all",)) else words


class Settings(BaseSettings):
    """All settings. Build it with `bridge.settings.load_settings`: by itself it reads nothing but arguments."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix="THREADLINE_",
        env_nested_delimiter="__",
    )

    whatsapp: WhatsAppSettings
    slack: SlackSettings
    inboxes: tuple[InboxSettings, ...] = Field(
        description="at least one [[inboxes]] table", examples=["[[inboxes]]"]
    )
    redis: RedisSettings = RedisSettings()
    archive: ArchiveSettings = ArchiveSettings()
    shards: int = Field(
        default=16,
        ge=1,
        le=1024,
        description="into how many parts the contacts are divided; chosen once, before the first message",
    )
    roles: Annotated[tuple[ProcessRole, ...], BeforeValidator(_roles), Field(min_length=1)] = Field(
        default=tuple(ProcessRole),
        description="what this process does: all, or some of web, worker, scheduler",
        examples=[["all"], ["web", "worker"]],
    )
    agents: AgentSettings = AgentSettings()
    web: WebSettings = WebSettings()
    media: MediaSettings = MediaSettings()
    pace: PaceSettings = PaceSettings()
    engine: EngineSettings = EngineSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The loader merges the sources itself, to report the problems of all of them at once."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    def inbox(self, inbox_id: str) -> InboxSettings | None:
        """The inbox with this id."""
        return next((one for one in self.inboxes if one.id == inbox_id), None)

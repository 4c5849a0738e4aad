"""One typed tree of settings, from a TOML file, the environment, and files that hold secrets."""

from bridge.settings.load import DEFAULT_FILE, load_settings, settings_file, shipped_config
from bridge.settings.problems import Problem, SettingsError, explain
from bridge.settings.tree import (
    AgentSettings,
    EngineSettings,
    InboxSettings,
    LogSettings,
    PaceSettings,
    ProcessRole,
    RedisSettings,
    Settings,
    SlackMode,
    SlackSettings,
    WebSettings,
    WhatsAppSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "AgentSettings",
    "EngineSettings",
    "InboxSettings",
    "LogSettings",
    "PaceSettings",
    "Problem",
    "ProcessRole",
    "RedisSettings",
    "Settings",
    "SettingsError",
    "SlackMode",
    "SlackSettings",
    "WebSettings",
    "WhatsAppSettings",
    "explain",
    "load_settings",
    "settings_file",
    "shipped_config",
]

"""Slack's refusals and break-downs, classified: the one place where an error code of Slack gets its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import Failure, FailureKind, PlatformError

_K = FailureKind

_INVITE = "The bot is not in the channel. Open it in Slack and type: /invite @{bot}"
_REINSTALL = (
    "Slack does not accept the bot's token. Install the app again in the workspace, put the new token (xoxb-…) "
    "into the settings as slack.bot_token, and restart."
)
APP_LEVEL_ADVICE = (
    "Make an app-level token with connections:write (Basic Information, App-Level Tokens) and set it as "
    "slack.app_token."
)
"""What to do where Slack does not accept the app-level token, of which the words of `CODES` do not speak."""
APP_TOKEN_CODES = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "not_allowed_token_type",
        "missing_scope",
        "token_revoked",
        "token_expired",
        "account_inactive",
    }
)
"""Answers to a call with the app-level token that only a new one helps against."""
_LIMIT = "Slack asked us to slow down. It goes on by itself."
_BUSY = "Slack has a problem at the moment. It goes on by itself."
_THREAD_GONE = "The thread does not exist any more."
_ARCHIVED = "The channel is archived. Unarchive it in Slack, or choose another channel for the inbox."
_TOO_LONG = "The text is too long for Slack."
_MALFORMED = "Slack refused the form of the message. This is a fault of the bridge; its log has the details."
_NO_DIRECT = "Slack does not deliver a direct message to this person."

CODES: Mapping[str, tuple[FailureKind, str]] = {
    # It passes by itself.
    "ratelimited": (_K.RETRY, _LIMIT),
    "rate_limited": (_K.RETRY, _LIMIT),
    "message_limit_exceeded": (_K.RETRY, _LIMIT),
    "service_unavailable": (_K.RETRY, _BUSY),
    "team_added_to_org": (
        _K.RETRY,
        "The workspace is being moved into an organisation. It goes on by itself.",
    ),
    "request_timeout": (_K.RETRY, _BUSY),
    "external_channel_migrating": (_K.RETRY, "The channel is being moved by Slack. It goes on by itself."),
    # Slack: "some aspect of the operation may have succeeded"; see `refused` for calls that can be repeated.
    "internal_error": (_K.UNKNOWN, _BUSY),
    "fatal_error": (_K.UNKNOWN, _BUSY),
    # Nothing works until an operator acts.
    "invalid_auth": (_K.STOP, _REINSTALL),
    "not_authed": (_K.STOP, _REINSTALL),
    "token_revoked": (_K.STOP, _REINSTALL),
    "token_expired": (_K.STOP, _REINSTALL),
    "account_inactive": (_K.STOP, _REINSTALL),
    "org_login_required": (
        _K.STOP,
        "The workspace is being moved into an organisation; sign in there first.",
    ),
    "access_denied": (_K.STOP, "Slack denies access. Ask an owner of the workspace to approve the app."),
    "no_permission": (_K.STOP, "The token lacks a permission. Install the app again from our manifest."),
    "missing_scope": (
        _K.STOP,
        "The app lacks the scope {needed}. Add it under OAuth & Permissions and install the app again.",
    ),
    "not_allowed_token_type": (_K.STOP, _REINSTALL),
    "ekm_access_denied": (
        _K.STOP,
        "The workspace's encryption key is suspended. Ask an owner of the workspace.",
    ),
    "team_access_not_granted": (_K.STOP, "The app is not installed in this workspace. Install it."),
    "not_in_channel": (_K.STOP, _INVITE),
    "channel_not_found": (
        _K.STOP,
        "The channel does not exist, or the bot is not in it. Open it in Slack and type: /invite @{bot}",
    ),
    "restricted_action": (_K.STOP, "The workspace's settings keep the bot from posting in this channel."),
    "restricted_action_read_only_channel": (_K.STOP, "The channel is read-only; let the bot post in it."),
    "restricted_action_non_threadable_channel": (_K.STOP, "The channel does not allow threads; allow them."),
    "restricted_action_thread_only_channel": (
        _K.STOP,
        "The channel allows only answers in threads; let the bot post in it.",
    ),
    # The place is gone.
    "is_archived": (_K.GONE, _ARCHIVED),
    "is_inactive": (_K.GONE, _ARCHIVED),
    "thread_not_found": (_K.GONE, _THREAD_GONE),
    "message_not_found": (_K.GONE, "The post does not exist any more."),
    "cannot_reply_to_message": (_K.GONE, "The thread cannot be answered any more."),
    "restricted_action_thread_locked": (_K.GONE, "The thread is locked."),
    "thread_locked": (_K.GONE, "The thread is locked."),
    # This one will not work.
    "invalid_blocks": (_K.NEVER, _MALFORMED),
    "invalid_blocks_format": (_K.NEVER, _MALFORMED),
    "invalid_arguments": (_K.NEVER, _MALFORMED),
    "invalid_arg_name": (_K.NEVER, _MALFORMED),
    "invalid_json": (_K.NEVER, _MALFORMED),
    "invalid_form_data": (_K.NEVER, _MALFORMED),
    "invalid_metadata_format": (_K.NEVER, _MALFORMED),
    "invalid_metadata_schema": (_K.NEVER, _MALFORMED),
    "metadata_too_large": (_K.NEVER, _MALFORMED),
    "no_text": (_K.NEVER, "There is nothing in it that Slack could show."),
    "msg_too_long": (_K.NEVER, _TOO_LONG),
    "msg_blocks_too_long": (_K.NEVER, _TOO_LONG),
    "view_too_large": (_K.NEVER, _TOO_LONG),
    "cant_update_message": (_K.NEVER, "Slack does not let the bot change this post."),
    "edit_window_closed": (
        _K.NEVER,
        "The workspace's settings do not let the bot change this post any more.",
    ),
    "user_not_in_channel": (_K.NEVER, "This person is not in the channel."),
    "user_not_found": (_K.NEVER, "Slack does not know this person."),
    "users_not_found": (_K.NEVER, "Slack does not know this person."),
    "user_not_visible": (_K.NEVER, "Slack does not show us this person."),
    "user_disabled": (_K.NEVER, "This person's account is deactivated."),
    "cannot_dm_bot": (_K.NEVER, _NO_DIRECT),
    "messages_tab_disabled": (
        _K.NEVER,
        "Direct messages to the app are switched off. Switch on the Messages tab under App Home.",
    ),
    "plan_upgrade_required": (
        _K.NEVER,
        "User groups need a paid Slack plan. List people by id or e-mail instead.",
    ),
    "no_such_subteam": (_K.NEVER, "The user group does not exist."),
    "invalid_name": (_K.NEVER, "Slack does not know this emoji."),
    "too_many_emoji": (_K.NEVER, "There are too many reactions on the post."),
    "too_many_reactions": (_K.NEVER, "There are too many reactions on the post."),
    "not_reactable": (_K.NEVER, "The post takes no reactions."),
    "storage_limit_reached": (_K.NEVER, "The workspace's storage for files is full."),
    "file_uploads_disabled": (_K.NEVER, "The workspace's settings do not allow files."),
    "file_uploads_except_images_disabled": (_K.NEVER, "The workspace's settings allow pictures only."),
    "file_type_not_allowed": (_K.NEVER, "The workspace's settings do not allow this type of file."),
    "blocked_file_type": (_K.NEVER, "The workspace's settings do not allow this type of file."),
    "file_upload_size_restricted": (_K.NEVER, "Slack takes no file of this size here."),
    "malware_detected": (_K.NEVER, "Slack found malware in the file."),
    "file_not_found": (_K.NEVER, "Slack does not have the file any more."),
    "file_deleted": (_K.NEVER, "Slack does not have the file any more."),
    "file_update_failed": (_K.UNKNOWN, _BUSY),
    "expired_trigger_id": (_K.NEVER, "That took too long for Slack. Please try again."),
    "exchanged_trigger_id": (_K.NEVER, "Slack used this click already. Please try again."),
    "invalid_trigger_id": (_K.NEVER, "Slack does not know this click any more. Please try again."),
}
"""Every code that we know, with its class and words; `{bot}` and `{needed}` are filled in."""

NO_FILES = frozenset({"missing_scope", "no_permission", "not_allowed_token_type", "access_denied"})
"""Answers that stop everything elsewhere; where a file is concerned they only say that there can be no files."""


def no_place_for_file() -> Failure:
    """Slack's answer names no place of its own to put the bytes."""
    return Failure(kind=_K.NEVER, code="no_upload_url", words="Slack named no place for the file.")


def no_file_scopes(lacking: Sequence[str]) -> Failure:
    """Without them a file could not be shown, or it could not be told whether it is."""
    words = CODES["missing_scope"][1].replace("{needed}", ", ".join(lacking))
    return Failure(kind=_K.NEVER, code="missing_scope", words=words)


def file_not_taken(code: str) -> Failure:
    """The bytes did not get there. Without them nothing is shown, so they can be brought again."""
    return Failure(kind=_K.LIMITED, code=code, words="Slack did not take the file's bytes.")


def file_elsewhere() -> Failure:
    """A link to Google Drive or the like: Slack has no bytes of it."""
    words = "the file is not stored in Slack, only a link to it; download it and attach the file itself"
    return Failure(kind=_K.NEVER, code="file_external", words=words)


def file_closed() -> Failure:
    """Deleted, hidden, or not for the bot's eyes."""
    words = "Slack does not hand the file out: it was deleted, or the app may not see it"
    return Failure(kind=_K.NEVER, code="file_closed", words=words)


def file_page() -> Failure:
    """A web page came instead, as where somebody has to log in."""
    words = (
        "Slack showed its login page instead of the file; an administrator has to install the app with the scope "
        "files:read"
    )
    return Failure(kind=_K.NEVER, code="file_page", words=words)


def file_too_large(most_bytes: int) -> Failure:
    """More bytes than go through the bridge."""
    words = f"the file is larger than {most_bytes / (1024 * 1024):g} MB; send a smaller one, or a link to it"
    return Failure(kind=_K.NEVER, code="file_too_large", words=words)


def file_not_given(code: str) -> Failure:
    """Not all of the bytes came."""
    return Failure(kind=_K.LIMITED, code=code, words="Slack did not give the whole file")


def refused(
    error: str,
    body: Mapping[str, Any],
    *,
    repeatable: bool,
    retry_after_s: float | None = None,
    bot: str = "the bot",
) -> PlatformError:
    """The exception for an answer `{"ok": false, "error": …}`.

    `repeatable`: doing the call twice is harmless; then a half-done call is simply tried again.
    """
    kind, words = CODES.get(error, (_K.NEVER, f"Slack refused: {error}."))
    if kind is _K.UNKNOWN and repeatable:
        kind = _K.RETRY
    needed = str(body.get("needed") or "that this needs")
    words = words.replace("{needed}", needed).replace("{bot}", bot)
    return PlatformError(Failure(kind=kind, code=error, words=words, retry_after_s=retry_after_s))


def limited(retry_after_s: float) -> PlatformError:
    """The exception for an HTTP 429, or for a call held back because of an earlier one."""
    return PlatformError(
        Failure(kind=_K.RETRY, code="ratelimited", words=_LIMIT, retry_after_s=max(retry_after_s, 0.0))
    )


def unreachable(code: str = "connection") -> PlatformError:
    """The exception for a connection that was never made: nothing was sent."""
    return PlatformError(
        Failure(kind=_K.RETRY, code=code, words="Slack cannot be reached. It goes on by itself.")
    )


def broken(code: str, *, repeatable: bool) -> PlatformError:
    """The exception for a call that was sent and got no usable answer (`timeout`, `connection`, `http_503` …)."""
    kind = _K.RETRY if repeatable else _K.UNKNOWN
    return PlatformError(Failure(kind=kind, code=code, words="Slack did not answer. It goes on by itself."))

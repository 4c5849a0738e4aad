"""Reading a Redis address: `redis://`, `rediss://` (TLS) and `unix://`."""

from __future__ import annotations

import ssl
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Redis is and how to get in. `str()` of it never shows the password."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str | None = None
    """Path of a Unix socket; then host and port mean nothing."""
    username: str | None = None
    password: str | None = None
    database: int = 0
    tls: bool = False
    options: dict[str, str] = {}
    """redis-py's names: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs` (`none`: not checked)."""

    def __str__(self) -> str:
        """Where it is, for messages."""
        return self.path if self.path is not None else f"{self.host}:{self.port}"

    __repr__ = __str__

    def tls_context(self) -> ssl.SSLContext | None:
        """What to connect with, or None without TLS. Raises OSError when a certificate file cannot be read."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.options.get("ssl_ca_certs"))
        if "ssl_certfile" in self.options:
            context.load_cert_chain(self.options["ssl_certfile"], self.options.get("ssl_keyfile"))
        if self.options.get("ssl_cert_reqs") == "none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse_address(url: str) -> Address:
    """Read `redis[s]://[user[:password]@]host[:port][/db]` or `unix://[user[:password]@]/path[?db=n]`.

    Raises ValueError in words that do not repeat the address, because it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the Redis address cannot be read; is the port a number?") from None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("the Redis address must start with redis://, rediss:// or unix://")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    is_socket = parts.scheme == "unix"
    if is_socket and not parts.path:
        raise ValueError("the Redis address names no socket file: unix:///path/to/redis.sock")
    return Address(
        host=parts.hostname or "127.0.0.1",
        port=port or 6379,
        path=unquote(parts.path) if is_socket else None,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=_database(parts, query),
        tls=parts.scheme == "rediss",
        options={key: query[key] for key in _TLS_OPTIONS if key in query},
    )


def _database(parts: SplitResult, query: dict[str, str]) -> int:
    text = query.get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/"))
    if not text:
        return 0
    if not text.isdigit():
        raise ValueError("the database in the Redis address must be a number, as in redis://host:6379/0")
    return int(text)

"""Reading a Redis address."""

import pytest

from bridge.store.address import Address, parse_address


@pytest.mark.parametrize(
    "url, expected",
    [
        ("redis://127.0.0.1:6390/2", Address(port=6390, database=2)),
        ("redis://example.com", Address(host="example.com")),
        ("redis://:p%40ss@h/1", Address(host="h", password="p@ss", database=1)),
        ("rediss://u:p@h:6380/0", Address(host="h", port=6380, username="u", password="p", tls=True)),
        ("unix:///run/redis.sock?db=3", Address(path="/run/redis.sock", database=3)),
        ("unix://u:p@/run/r.sock", Address(path="/run/r.sock", username="u", password="p")),
        (
            "rediss://h/0?ssl_cert_reqs=none&other=1",
            Address(host="h", tls=True, options={"ssl_cert_reqs": "none"}),
        ),
        ("redis://[::1]:7000/0", Address(host="::1", port=7000)),
    ],
)
def test_every_usual_form_is_read(url: str, expected: Address) -> None:
    """Scheme, user, password, host, port, database and TLS options come out as they were written."""
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://u:secret@h",
        "redis://u:secret@h:port/0",
        "redis://u:secret@h/first",
        "unix://",
        "unix://u:secret@",
    ],
)
def test_an_unreadable_address_is_refused_without_repeating_it(url: str) -> None:
    """The message says what is wrong and never holds the password."""
    with pytest.raises(ValueError, match="Redis address") as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_an_address_never_prints_its_password() -> None:
    """Neither str nor repr show it."""
    address = parse_address("redis://u:secret@h:1/0")
    assert "secret" not in f"{address}{address!r}"
    assert str(address) == "h:1"

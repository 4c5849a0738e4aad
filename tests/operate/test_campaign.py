"""Lists of what other programs sent: read, refused, and told to the conversations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from bridge.operate.campaign import NotImportedError, read, run
from tests.support.stack import shown
from tests.support.talk import open_shop, wide

HEAD = "phone,template,campaign,sent_at,message_id\n"


def test_columns_in_any_order_and_form() -> None:
    """As spreadsheets write them."""
    found, wrong = read(
        "Sent At;Message ID;Phone;Template;Owner\r\n"
        "2026-03-29T08:00:00+02:00;wamid.1;+49 (170) 1234567;sale;Ben\r\n"
        "1774764000;;4917012345678;other;\r\n"
        ";;;;\r\n"
    )
    assert not wrong
    assert [one.digits for one in found] == ["491701234567", "4917012345678"]
    assert [one.template for one in found] == ["sale", "other"]
    assert found[0].sent_at == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
    assert (found[0].message_id, found[0].campaign) == ("wamid.1", "")


@pytest.mark.parametrize(
    "row, words",
    [
        ("0170 123,sale,,2026-03-29,", "no number"),
        ("+4,sale,,2026-03-29,", "no number"),
        ("+491701234567,,,2026-03-29,", "template is missing"),
        ("+491701234567," + "x" * 600 + ",,2026-03-29,", "longer than 512"),
        ("+491701234567,sale," + "x" * 61 + ",2026-03-29,", "longer than 60"),
        ("+491701234567,sale,,yesterday,", "no time"),
        ("+491701234567,sale,,,", "no time"),
        ("+491701234567,sale,,2999-01-01,", "future"),
        ("+491701234567,sale,,2026-03-29,not an id", "message id"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(row: str, words: str) -> None:
    """By its number, with what is wrong."""
    found, (wrong,) = read(HEAD + "+491701234567,sale,,2026-03-29,\n" + row)
    assert len(found) == 1
    assert wrong.line == 3
    assert words in wrong.words


@pytest.mark.parametrize("text", ["", "phone\n", "a,b,c\n1,2,3\n", "\0"])
def test_a_list_without_its_heading(text: str) -> None:
    """Which columns there have to be."""
    with pytest.raises(NotImportedError, match="has to name the columns"):
        read(text)


class Lists:
    """Files with lists."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "list.csv"

    def write(self, text: str) -> Path:
        """A list."""
        return self.write_bytes(text.encode())

    def write_bytes(self, data: bytes) -> Path:
        """Something that may be none."""
        self.path.write_bytes(data)
        return self.path


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    """Somewhere to put lists."""
    return Lists(tmp_path)


async def test_cards_and_who_show_it(redis_url: str, lists: Lists) -> None:
    """For those who are here and for those who come later; twice is once."""
    async with open_shop(redis_url, arrange=wide) as shop:
        talk = await shop.talk(assignee="ben")
        stranger = shop.newcomer()
        source = lists.write(
            HEAD
            + f"+{talk.customer.wa_id},sale,spring,2026-11-20T08:00:00Z,wamid.a\n"
            + f"+{stranger.wa_id},sale,spring,2026-11-20T08:00:00Z,wamid.b\n"
        )
        for _ in range(2):
            assert await run(shop.settings(), source, "support", skip=False) == 0
        await talk.card_shows("spring: “sale”")
        await talk.staff("ben", "!who")
        told = shown(await talk.told("ben", "spring: “sale”, 2026-11-20"))
        assert told.count("spring: “sale”") == told.count("2026-11-20")
        new = await shop.talk("I saw your message", stranger)
        await new.card_shows("spring: “sale”")
        await new.claimed_by("ben")
        await new.staff("ben", "!who")
        await new.told("ben", "answered “I saw your message”")


async def test_a_status_of_another_program_is_kept(redis_url: str) -> None:
    """`!who` says that something was sent."""
    async with open_shop(redis_url, arrange=wide) as shop:
        talk = await shop.talk(assignee="ben")
        status = {
            "id": "wamid.elsewhere",
            "status": "sent",
            "timestamp": "1790000000",
            "recipient_id": talk.customer.wa_id,
        }
        assert await shop.delivers_status(status) == 200
        await talk.card_shows("sent by another program")


async def test_what_cannot_be_imported(
    redis_url: str, lists: Lists, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is, unless the bad lines are to be left out."""
    async with open_shop(redis_url, arrange=wide) as shop:
        settings = shop.settings()
        talk = await shop.talk()
        written = lists.write(HEAD + f"nothing,sale,,2026-03-29,\n+{talk.customer.wa_id},sale,,2026-11-20,\n")
        for source, inbox, words in (
            (written, "support", "1 of 2 lines make no sense"),
            (written, "nowhere", "there is no inbox 'nowhere'; there are: support"),
            (written.with_name("gone.csv"), "support", "cannot be read"),
        ):
            with pytest.raises(typer.Exit):
                await run(settings, source, inbox, skip=False)
            assert words in capsys.readouterr().err
        assert "Campaign" not in talk.shows()
        assert await run(settings, written, "support", skip=True) == 1
        assert "line 2: the phone is no number" in capsys.readouterr().err
        await talk.card_shows("“sale”")
        broken = lists.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(typer.Exit):
            await run(settings, broken, "support", skip=False)
        assert "is not UTF-8" in capsys.readouterr().err

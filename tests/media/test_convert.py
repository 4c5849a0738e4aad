"""Pictures and sound made into what goes through elsewhere: real ones, broken ones, bombs."""

from __future__ import annotations

import io
import shutil
from collections.abc import AsyncIterator

import pytest
from PIL import Image

from bridge.media import convert
from bridge.media.convert import ConversionError
from bridge.media.spool import Spool, Spooled
from bridge.media.types import sniff
from tests.support.pictures import WAV, picture

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed here")


async def _bytes(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def read(file: Spooled) -> bytes:
    return b"".join([chunk async for chunk in file.chunks()])


async def converted(data: bytes) -> tuple[str | None, bytes]:
    """Type and bytes of a picture after `convert.picture`."""
    async with Spool(10_000_000).file() as file:
        await file.take(_bytes(data))
        mime = await convert.picture(file)
        return mime, await read(file)


@pytest.mark.parametrize("form", ["WEBP", "HEIF", "BMP", "TIFF"])
async def test_pictures_become_jpeg(form: str) -> None:
    """With their size."""
    mime, data = await converted(picture(form, "RGB", (40, 30)))
    assert (mime, sniff(data)) == ("image/jpeg", "image/jpeg")
    assert Image.open(io.BytesIO(data)).size == (40, 30)


@pytest.mark.parametrize("form, mode", [("WEBP", "RGBA"), ("PNG", "LA"), ("PNG", "PA")])
async def test_transparent_ones_become_png(form: str, mode: str) -> None:
    """Eight bits a colour and a transparency, as WhatsApp takes them."""
    data = picture(form, mode) if mode != "PA" else picture(form, "P", transparency=0)
    mime, made = await converted(data)
    assert mime == "image/png"
    assert Image.open(io.BytesIO(made)).mode == "RGBA"


@pytest.mark.parametrize("form, mode", [("PNG", "I;16"), ("PNG", "P"), ("JPEG", "CMYK")])
async def test_odd_colours_become_plain_ones(form: str, mode: str) -> None:
    """16 bits, palettes, ink."""
    mime, made = await converted(picture(form, mode))
    assert mime == "image/jpeg"
    assert Image.open(io.BytesIO(made)).mode == "RGB"


@pytest.mark.parametrize("form, mode", [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "RGBA")])
async def test_what_is_taken_as_it_is_stays(form: str, mode: str) -> None:
    """Byte by byte."""
    data = picture(form, mode)
    assert await converted(data) == (None, data)


async def test_a_turned_photo_stands_upright() -> None:
    """The turn that a phone only notes is made, because a JPEG of ours has no notes."""
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "WEBP", exif=exif.tobytes())
    _, made = await converted(out.getvalue())
    assert Image.open(io.BytesIO(made)).size == (20, 40)


async def test_what_moves_is_left_alone() -> None:
    """One picture of it would not be it."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(ConversionError, match="moves"):
        await converted(out.getvalue())


@pytest.mark.parametrize("data", [b"", b"RIFF\0\0\0\0WEBPVP8 junk", picture("PNG", "P")[:60]])
async def test_broken_ones_are_told_and_stay(data: bytes) -> None:
    """In plain words."""
    async with Spool(1_000_000).file() as file:
        await file.take(_bytes(data))
        with pytest.raises(ConversionError, match="cannot be read"):
            await convert.picture(file)
        assert await read(file) == data


async def test_a_bomb_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bytes that claim to be very many pixels."""
    monkeypatch.setattr(convert, "MOST_PIXELS", 100)
    with pytest.raises(ConversionError, match="too large"):
        await converted(picture("BMP", "RGB", (11, 10)))


@needs_ffmpeg
async def test_sound_becomes_a_voice_message() -> None:
    """Ogg with Opus."""
    async with Spool(1_000_000).file() as file:
        await file.take(_bytes(WAV))
        assert await convert.voice(file) == "audio/ogg"
        assert b"OpusHead" in file.head


@needs_ffmpeg
async def test_a_gif_becomes_a_film() -> None:
    """Also one with an odd number of pixels."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    async with Spool(1_000_000).file() as file:
        await file.take(_bytes(out.getvalue()))
        assert await convert.film(file) == "video/mp4"
        assert sniff(file.head) == "video/mp4"


@needs_ffmpeg
@pytest.mark.parametrize(
    "data", [b"no sound", b"#EXTM3U\nhttp://127.0.0.1:1/a.ts\n", b"ffconcat version 1.0\nfile /etc/passwd\n"]
)
async def test_no_sound_is_told_and_opens_nothing(data: bytes) -> None:
    """Nor does a playlist make it read other files."""
    async with Spool(1_000_000).file() as file:
        await file.take(_bytes(data))
        with pytest.raises(ConversionError):
            await convert.voice(file)
        assert await read(file) == data


async def test_without_ffmpeg_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was there stays."""
    monkeypatch.setenv("PATH", "/nonexistent")
    async with Spool(1_000_000).file() as file:
        await file.take(_bytes(WAV))
        with pytest.raises(ConversionError, match="not installed"):
            await convert.voice(file)
        assert await read(file) == WAV

"""Files made into what another platform takes: pictures by Pillow, sound and moving pictures by ffmpeg where it is there.

All of it works on a `Spooled` in place: what it held is replaced once the conversion is whole, and untouched otherwise. A
picture or recording is somebody else's word, so what it may cost is bounded: pixels, seconds, bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import IO

import structlog
from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from bridge.media.spool import CHUNK, Spooled

register_heif_opener()

log = structlog.get_logger(__name__)

MOST_PIXELS = 50_000_000
"""Of a picture that is decoded: three or four bytes each are held in memory meanwhile, twice where it is turned."""
TOOL_S = 120.0
"""How long ffmpeg may take."""
_PLAIN = frozenset({"RGB", "RGBA"})
_JPEG_QUALITY = 90
_VOICE = (
    "-vn",
    "-ac",
    "1",
    "-ar",
    "48000",
    "-c:a",
    "libopus",
    "-b:a",
    "32k",
    "-application",
    "voip",
    "-f",
    "ogg",
)
_FILM = (
    *[
        "-an",
        "-movflags",
        "+faststart",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-f",
        "mp4",
    ],
    # The codec wants an even number of points each way.
    *("-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2"),
)
# Only files and pipes: a playlist in disguise must not make it open addresses.
_FFMPEG = (
    "ffmpeg",
    "-nostdin",
    "-hide_banner",
    "-loglevel",
    "error",
    "-y",
    "-protocol_whitelist",
    "file,pipe",
)


class ConversionError(Exception):
    """It did not work; `words` say why, for people. What was there is as it was."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


async def picture(file: Spooled) -> str | None:
    """Make a picture a JPEG, or a PNG where it is transparent, 8 bits a colour, the right way up.

    Its type (`image/jpeg`), or None where it was that already and nothing changed. Raises `ConversionError` for what
    cannot be decoded, moves, or is too large to be.
    """
    made = await asyncio.to_thread(file.read, partial(_picture, directory=file.directory))
    if made is None:
        return None
    mime, target = made
    try:
        await file.take(_chunks(target))
    finally:
        target.close()
    return mime


def _picture(source: IO[bytes], directory: Path | None) -> tuple[str, IO[bytes]] | None:
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures that could be bombs; ours are bounded here.
            warnings.simplefilter("ignore")
            image = Image.open(source)
            _check(image)
            return None if _is_shown(image) else _written(ImageOps.exif_transpose(image), directory)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        log.info("media.not_converted", why=type(error).__name__)
        raise ConversionError("the picture cannot be read") from error


def _check(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise ConversionError("the picture is too large to be converted")
    if getattr(image, "n_frames", 1) > 1:
        raise ConversionError("the picture moves")


def _is_shown(image: Image.Image) -> bool:
    """True for what may stay as it is."""
    return (image.format in {"JPEG", "PNG"} and image.mode in _PLAIN) or (
        image.format == "JPEG" and image.mode == "L"
    )


def _written(image: Image.Image, directory: Path | None) -> tuple[str, IO[bytes]]:
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(tempfile.TemporaryFile(dir=directory))
        if "A" in image.getbands() or "transparency" in image.info:
            mime = "image/png"
            image.convert("RGBA").save(target, "PNG")
        else:
            mime = "image/jpeg"
            image.convert("RGB").save(target, "JPEG", quality=_JPEG_QUALITY)
        stack.pop_all()
        return mime, target


async def voice(file: Spooled) -> str:
    """Make any sound a voice message: Ogg with Opus, one channel. Raises `ConversionError`."""
    await _by_ffmpeg(file, _VOICE, "ogg")
    return "audio/ogg"


async def film(file: Spooled) -> str:
    """Make a moving picture a film without sound: MPEG-4 with H.264. Raises `ConversionError`."""
    await _by_ffmpeg(file, _FILM, "mp4")
    return "video/mp4"


async def _by_ffmpeg(file: Spooled, how: tuple[str, ...], ending: str) -> None:
    with tempfile.TemporaryDirectory(prefix="threadline-", dir=file.directory) as folder:
        source, target = Path(folder, "in"), Path(folder, f"out.{ending}")
        await asyncio.to_thread(file.read, _copy_to(source))
        await _run("-i", str(source), *how, str(target))
        made = await asyncio.to_thread(_opened, target, file.most_bytes)
        try:
            await file.take(_chunks(made))
        finally:
            made.close()


def _copy_to(target: Path) -> Callable[[IO[bytes]], None]:
    def copy(source: IO[bytes]) -> None:
        with target.open("wb") as out:
            shutil.copyfileobj(source, out, CHUNK)

    return copy


def _opened(made: Path, most_bytes: int) -> IO[bytes]:
    if not made.exists() or not made.stat().st_size:
        raise ConversionError("ffmpeg made nothing of it")
    if made.stat().st_size > most_bytes:
        raise ConversionError("it would be too large")
    return made.open("rb")


async def _run(*args: str) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *_FFMPEG,
            *args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise ConversionError("ffmpeg is not installed") from error
    try:
        async with asyncio.timeout(TOOL_S):
            code = await process.wait()
    except TimeoutError:
        raise ConversionError("ffmpeg took too long") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code:
        raise ConversionError("ffmpeg could not read it")


async def _chunks(source: IO[bytes]) -> AsyncIterator[bytes]:
    source.seek(0)
    while piece := await asyncio.to_thread(source.read, CHUNK):
        yield piece

"""Real pictures and sound, made on the spot."""

from __future__ import annotations

import io
import wave
from typing import Any

from PIL import Image
from pillow_heif import register_heif_opener

register_heif_opener()


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (16, 12), **how: Any) -> bytes:
    """A picture in one of Pillow's formats and modes."""
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **how)
    return out.getvalue()


def moving_gif(size: tuple[int, int] = (16, 12)) -> bytes:
    """A GIF of two pictures."""
    out = io.BytesIO()
    frames = [Image.new("RGB", size, colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def _wave() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    return out.getvalue()


WAV = _wave()
"""Half a second of silence."""

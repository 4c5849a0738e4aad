"""Whatever a file was called, its name can do nothing to those who see or save it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.media.names import MOST, safe_name


@pytest.mark.parametrize(
    "given_name, kind, mime, name",
    [
        ("Invoice 7.pdf", "document", "application/pdf", "Invoice 7.pdf"),
        ("../../etc/passwd", "document", "text/plain", "passwd.txt"),
        ("C:\\Users\\x\\plan.docx", "document", "application/zip", "plan.docx"),
        ("gpj.\u202eexe.pdf", "document", "application/pdf", "gpj.exe.pdf"),
        ("a\x00b\r\nc.txt", "document", "text/plain", "abc.txt"),
        ("<!channel>|x?.pdf", "document", "application/pdf", "_!channel__x_.pdf"),
        ("", "voice", "audio/ogg", "voice-message.ogg"),
        ("   ...   ", "image", "image/png", "picture.png"),
        ("con.txt", "document", "text/plain", "_con.txt"),
        ("invoice.pdf", "document", "application/x-msdownload", "invoice.pdf.exe"),
        ("setup.exe", "document", "application/x-msdownload", "setup.exe"),
        ("page.pdf", "document", "text/html", "page.pdf.html"),
        ("photo", "image", "image/jpeg", "photo.jpg"),
        ("photo.jpeg", "image", "image/jpeg", "photo.jpeg"),
        ("résumé 👩\u200d💻.pdf", "document", "application/pdf", "résumé 👩\u200d💻.pdf"),
    ],
)
def test_names(given_name: str, kind: str, mime: str, name: str) -> None:
    """Honest names stay; tricks go."""
    assert safe_name(given_name, kind, mime) == name


@given(st.text(max_size=400), st.sampled_from(["image/png", "application/x-msdownload", "text/plain", ""]))
def test_any_name_is_safe(given_name: str, mime: str) -> None:
    """Not empty, not long, no folder, nothing hidden, and the same when it is made safe again."""
    name = safe_name(given_name, "document", mime)
    assert 0 < len(name) <= MOST
    assert not set(name) & set('/\\<>:"|?*\0')
    assert name not in {".", ".."}
    assert not name.startswith(".")
    hidden = [one for one in name if unicodedata.category(one) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}]
    assert set(hidden) <= {"\u200d", "\u200c"}
    assert safe_name(name, "document", mime) == name

"""The sandbox's settings file."""

from pathlib import Path

import pytest

from bridge.sandbox.config import ConfigError, SandboxConfig, load_config, parse

DOCUMENTED = Path(__file__).parents[2] / "config" / "sandbox.toml"


def test_documented_file_says_the_defaults() -> None:
    """`config/sandbox.toml` and the dataclasses agree, so either may be read as the manual."""
    assert load_config(DOCUMENTED) == SandboxConfig()


@pytest.mark.parametrize("section", ["whatsapp", "slack"])
def test_documented_file_names_every_setting(section: str) -> None:
    """No setting of a platform is missing from the file."""
    text = DOCUMENTED.read_text(encoding="utf-8")
    settings = vars(getattr(SandboxConfig(), section))
    assert [
        name for name in settings if f"\n{name} = " not in text and f"[[{section}.{name}]]" not in text
    ] == []


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    """A file holds only what it changes; whole numbers do for durations."""
    path = tmp_path / "some.toml"
    path.write_text('scale = 60\n[whatsapp]\nwindow_s = 60\n[slack]\nmode = "http"\n', encoding="utf-8")
    config = load_config(path)
    assert (config.scale, config.whatsapp.window_s, config.slack.mode) == (60.0, 60.0, "http")
    assert config.whatsapp.customers == SandboxConfig().whatsapp.customers


@pytest.mark.parametrize(
    "text, says",
    [
        ("scale = ", "not valid TOML"),
        ('scale = "fast"', "scale: expected float"),
        ("port = true", "port: expected int"),
        ("[whatsapp]\ncolour = 1", r"whatsapp\.colour: no such setting"),
        (
            '[whatsapp]\nwindow_refusal = "maybe"',
            r"whatsapp\.window_refusal: expected one of 'status', 'answer'",
        ),
        ('[[whatsapp.customers]]\nid = "x"', r"whatsapp\.customers\[0\]: .*'name' and 'phone'"),
        ('[[whatsapp.customers]]\nid = "x"\nname = 3', r"whatsapp\.customers\[0\]\.name: expected str"),
        ("whatsapp = 3", "whatsapp: expected a table"),
        ("[whatsapp]\nnumbers = 3", r"whatsapp\.numbers: expected list"),
        (
            '[[slack.people]]\nid = "U1"\nname = "x"\nrole = "king"',
            r"slack\.people\[0\]\.role: expected one of",
        ),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, says: str) -> None:
    """A mistake is reported with its place and what was expected."""
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        load_config(path)


def test_missing_file(tmp_path: Path) -> None:
    """Without the file there is an OSError, as for any file."""
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "none.toml")


def test_optional_lists_may_be_null() -> None:
    """What may be absent may also be null, as JSON callers write it."""
    number = {
        "phone_number_id": "1",
        "display_phone_number": "2",
        "verified_name": "x",
        "allowed_recipients": None,
    }
    assert (
        parse(SandboxConfig, {"whatsapp": {"numbers": [number]}}, "").whatsapp.numbers[0].allowed_recipients
        is None
    )

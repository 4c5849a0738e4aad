"""Settings: three sources, one tree, every problem at once, and never a secret in words."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from bridge.model import Mode
from bridge.settings import (
    ProcessRole,
    SettingsError,
    SlackMode,
    explain,
    load_settings,
    shipped_config,
)
from bridge.settings.fields import env_name, field_at, is_secret, toml_value, values

EXAMPLE = shipped_config("threadline.example.toml")
INBOX = '[{"id":"support","name":"Support","phone_number_id":"10654","waba_id":"10229","channel":"C0SUP"}]'
EMPTY = Path(os.devnull)
COMPLETE = {
    "THREADLINE_WHATSAPP__ACCESS_TOKEN": "token-of-all",
    "THREADLINE_WHATSAPP__APP_SECRET": "app-secret",
    "THREADLINE_WHATSAPP__VERIFY_TOKEN": "verify",
    "THREADLINE_SLACK__BOT_TOKEN": "xoxb-1",
    "THREADLINE_SLACK__APP_TOKEN": "xapp-1",
    "THREADLINE_INBOXES": INBOX,
}


def toml(folder: Path, text: str) -> Path:
    """Write a settings file."""
    file = folder / "some.toml"
    file.write_text(text, encoding="utf-8")
    return file


def problems(environ: dict[str, str], path: Path | None = None) -> dict[str, str]:
    """The complaints by name; the settings have to be wrong."""
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ)
    return {one.name: one.wrong for one in caught.value.problems}


# ---------------------------------------------------------------------------------------------- sources


def test_the_environment_alone_is_enough() -> None:
    """A container needs no file; what is not given has the documented default."""
    settings = load_settings(None, COMPLETE)
    assert settings.whatsapp.access_token.get_secret_value() == "token-of-all"
    assert settings.inboxes[0].mode is Mode.ASSIGNEE
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8000)
    assert settings.redis.url == "redis://127.0.0.1:6379/0"
    assert settings.roles == tuple(ProcessRole)


def test_environment_beats_secret_file_beats_toml(tmp_path: Path) -> None:
    """One order of precedence, the same for every key."""
    file = toml(tmp_path, '[whatsapp]\naccess_token="from-toml"\napp_secret="from-toml"\n[web]\nport=1\n')
    secret = tmp_path / "secret"
    secret.write_text("from-file\n", encoding="utf-8")
    environ = COMPLETE | {
        "THREADLINE_WHATSAPP__ACCESS_TOKEN_FILE": str(secret),
        "THREADLINE_WHATSAPP__APP_SECRET_FILE": str(secret),
        "THREADLINE_WEB__PORT": "2",
    }
    del environ["THREADLINE_WHATSAPP__APP_SECRET"]
    settings = load_settings(file, environ)
    assert settings.whatsapp.access_token.get_secret_value() == "token-of-all"
    assert settings.whatsapp.app_secret.get_secret_value() == "from-file"
    assert settings.web.port == 2


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    """THREADLINE_CONFIG stands in for --config, and --config wins."""
    named = toml(tmp_path, "shards = 4")
    assert load_settings(None, COMPLETE | {"THREADLINE_CONFIG": str(named)}).shards == 4
    other = tmp_path / "other.toml"
    other.write_text("shards = 8", encoding="utf-8")
    assert load_settings(other, COMPLETE | {"THREADLINE_CONFIG": str(named)}).shards == 8


def test_the_default_file_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`threadline.toml` in the working folder needs no option; its absence is no mistake."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, COMPLETE).shards == 16
    (tmp_path / "threadline.toml").write_text("shards = 2", encoding="utf-8")
    assert load_settings(None, COMPLETE).shards == 2


def test_nothing_is_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the environment that is passed in counts, so a test's settings do not depend on the machine."""
    monkeypatch.setenv("THREADLINE_SHARDS", "3")
    assert load_settings(None, COMPLETE).shards == 16


def test_an_inbox_takes_variables_by_its_id(tmp_path: Path) -> None:
    """A secret of one inbox comes from the environment or a file while the rest stands in the file."""
    secret = tmp_path / "secret"
    secret.write_text("own-secret", encoding="utf-8")
    environ = COMPLETE | {
        "THREADLINE_INBOXES__SUPPORT__ACCESS_TOKEN": "own-token",
        "THREADLINE_INBOXES__SUPPORT__APP_SECRET_FILE": str(secret),
        "THREADLINE_INBOXES__0__HOLD_S": "5",
        "THREADLINE_INBOXES__SALES_DE__NAME": "Vertrieb",
        "THREADLINE_INBOXES__SALES_DE__CHANNEL": "C0SALES",
        "THREADLINE_INBOXES__SALES_DE__WABA_ID": "10229",
        "THREADLINE_INBOXES__SALES_DE__PHONE_NUMBER_ID": "20654",
    }
    support, sales = load_settings(None, environ).inboxes
    assert support.access_token is not None
    assert support.access_token.get_secret_value() == "own-token"
    assert support.app_secret is not None
    assert support.app_secret.get_secret_value() == "own-secret"
    assert support.hold_s == 5.0
    assert (sales.id, sales.name, sales.access_token) == ("sales-de", "Vertrieb", None)


@pytest.mark.parametrize("written", ["U0BEN, ben@example.com", '["U0BEN", "ben@example.com"]'])
def test_a_list_in_the_environment_has_two_spellings(written: str) -> None:
    """Commas for people, JSON for programs."""
    settings = load_settings(None, COMPLETE | {"THREADLINE_AGENTS__LEADS": written})
    assert settings.agents.leads == ("U0BEN", "ben@example.com")


@pytest.mark.parametrize(
    "written, roles",
    [
        ("all", tuple(ProcessRole)),
        ("web,worker", (ProcessRole.WEB, ProcessRole.WORKER)),
        ("scheduler", (ProcessRole.SCHEDULER,)),
    ],
)
def test_roles(written: str, roles: tuple[ProcessRole, ...]) -> None:
    """`all` stands for every role."""
    assert load_settings(None, COMPLETE | {"THREADLINE_ROLES": written}).roles == roles


def test_addresses_are_brought_into_one_form() -> None:
    """Clients append paths, so the slash at the end is the same however it was written."""
    settings = load_settings(
        None,
        COMPLETE
        | {
            "THREADLINE_WHATSAPP__API_URL": "http://127.0.0.1:9/graph/",
            "THREADLINE_SLACK__API_URL": "http://127.0.0.1:9/api",
        },
    )
    assert settings.whatsapp.api_url == "http://127.0.0.1:9/graph"
    assert settings.slack.api_url == "http://127.0.0.1:9/api/"


@pytest.mark.parametrize(
    "name, value",
    [
        ("THREADLINE_SERVICE_HOST", "10.0.0.1"),
        ("THREADLINE_SERVICE_PORT_HTTP", "80"),
        ("THREADLINE_PORT", "tcp://10.0.0.1:80"),
        ("THREADLINE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("THREADLINE_WEB_PORT", "tcp://10.0.0.1:80"),
        ("THREADLINE_WEB__PORT", ""),
    ],
)
def test_what_orchestrators_leave_in_the_environment_is_no_mistake(name: str, value: str) -> None:
    """Kubernetes service links and empty compose variables set nothing and break nothing."""
    assert load_settings(None, COMPLETE | {name: value}).web.port == 8000


# ------------------------------------------------------------------------------------------------ problems


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """Nobody should have to start the program once per mistake, whatever source it came from."""
    file = toml(
        tmp_path,
        'shards="x"\n[slack]\nmode="http"\n[web]\nport=99999\n[engine]\nsend_timeout_s=20\n'
        '[[inboxes]]\nid="a"\nname="A"\nphone_number_id=12\nwaba_id="10229"\nchanel="C0A"\n',
    )
    environ = {
        "THREADLINE_WHATSAPP__APP_SECRET_FILE": "/no/such/file",
        "THREADLINE_REDIS__URL": "http://somewhere",
        "THREADLINE_AGENTS__LEADS": "karl",
    }
    assert problems(environ, file) == {
        "THREADLINE_WHATSAPP__APP_SECRET_FILE": "names /no/such/file, which cannot be read:"
        " No such file or directory",
        "agents.leads": 'does not look right (it is "karl")',
        "engine.send_timeout_s": "is 20, which is not less than engine.hold_ttl_s (15)",
        "inboxes[0].chanel": "is not a setting; did you mean inboxes.channel?",
        "inboxes[0].channel": "is missing",
        "inboxes[0].phone_number_id": "is not text; put it in quotes (it is 12)",
        "redis.url": "does not start with redis:// or rediss://",
        "shards": 'is not a whole number (it is "x")',
        "slack.bot_token": "is missing",
        "slack.signing_secret": 'is missing, and slack.mode "http" needs it',
        "web.port": "is not less than or equal to 65535 (it is 99999)",
        "whatsapp.access_token": "is missing",
        "whatsapp.app_secret": "is missing",
        "whatsapp.verify_token": "is missing",
    }


@pytest.mark.parametrize(
    "url, wrong",
    [
        ("redis://host:6379/3", "names a database, and redis.cluster is set: a cluster has no other than 0"),
        (
            "rediss://u:p@host/?db=2",
            "names a database, and redis.cluster is set: a cluster has no other than 0",
        ),
        ("unix:///run/redis.sock", "is a socket file, and redis.cluster is set"),
    ],
)
def test_a_cluster_has_one_database_and_no_socket(url: str, wrong: str) -> None:
    """The address is refused with what is wrong about it, and not repeated; without a number or with 0 it is well."""
    environ = COMPLETE | {"THREADLINE_REDIS__CLUSTER": "true", "THREADLINE_REDIS__URL": url}
    assert problems(environ) == {"redis.url": wrong}
    assert load_settings(None, environ | {"THREADLINE_REDIS__CLUSTER": "false"}).redis.url == url
    for well in ("redis://host", "redis://u:p3@host:7000/0", "rediss://host/?db=0"):
        assert load_settings(None, environ | {"THREADLINE_REDIS__URL": well}).redis.cluster


def test_the_page_on_redis_shows_settings(tmp_path: Path) -> None:
    """Its examples load as they stand, and are for what their heading says."""
    page = (Path(__file__).parents[1] / "docs" / "redis.md").read_text("utf-8")
    sentinel, cluster = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(load_settings(toml(tmp_path, sentinel), COMPLETE).redis.sentinels) == 3
    assert load_settings(toml(tmp_path, cluster), COMPLETE).redis.cluster


def test_sentinels_are_listed_and_do_not_go_with_a_cluster() -> None:
    """From a variable with commas; what is no address, a cluster and a socket file are refused."""
    environ = COMPLETE | {"THREADLINE_REDIS__SENTINELS": "one:26379, [fd00::1]:5000,two"}
    assert load_settings(None, environ).redis.sentinels == ("one:26379", "[fd00::1]:5000", "two")
    assert problems(environ | {"THREADLINE_REDIS__SENTINELS": "redis://one"}) == {
        "redis.sentinels": 'does not look right (it is "redis://one")'
    }
    wrong = "is set, and redis.cluster too: a cluster has none"
    assert problems(environ | {"THREADLINE_REDIS__CLUSTER": "true"}) == {"redis.sentinels": wrong}
    wrong = "is set, and redis.url is a socket file"
    assert problems(environ | {"THREADLINE_REDIS__URL": "unix:///run/redis.sock"}) == {
        "redis.sentinels": wrong
    }


def test_with_nothing_at_all_each_required_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start says exactly what is needed, not just which tables are absent."""
    monkeypatch.chdir(tmp_path)
    found = problems({})
    assert set(found) == {
        "whatsapp.access_token",
        "whatsapp.app_secret",
        "whatsapp.verify_token",
        "slack.bot_token",
        "slack.app_token",
        "inboxes",
    }


def test_a_problem_tells_the_name_what_was_expected_and_an_example() -> None:
    """The words are enough to mend it without opening the documentation."""
    environ = {name: value for name, value in COMPLETE.items() if "BOT_TOKEN" not in name}
    with pytest.raises(SettingsError) as caught:
        load_settings(None, environ)
    assert explain(caught.value) == (
        "One setting needs your attention:\n\n"
        "slack.bot_token is missing\n"
        "    expected  the bot's OAuth token, which starts with xoxb-\n"
        '    example   bot_token = "xoxb-your-token"\n'
        "    or set    THREADLINE_SLACK__BOT_TOKEN"
        " (or THREADLINE_SLACK__BOT_TOKEN_FILE, the name of a file that holds it)\n"
    )


@pytest.mark.parametrize(
    "name, hint",
    [
        ("THREADLINE_SLCK__BOT_TOKEN", "THREADLINE_SLACK__BOT_TOKEN"),
        ("THREADLINE_BOT_TOKEN", "THREADLINE_SLACK__BOT_TOKEN"),
        ("THREADLINE_WEB_PORT", "THREADLINE_WEB__PORT"),
        ("THREADLINE_SHARD", "THREADLINE_SHARDS"),
        ("THREADLINE_INBOXES__SUPPORT__CHANEL", "THREADLINE_INBOXES__<ID>__CHANNEL"),
        ("THREADLINE_WEB__PORT_FILE", "THREADLINE_WEB__PORT"),
    ],
)
def test_a_wrong_variable_is_named_with_the_right_one(name: str, hint: str) -> None:
    """A misspelt variable is a mistake, never silently without effect."""
    assert problems(COMPLETE | {name: "8"})[name] == f"is not a setting; did you mean {hint}?"


@pytest.mark.parametrize(
    "text, name, hint",
    [
        ('bot_token = "x"', "bot_token", "slack.bot_token"),
        ("[web]\nprot = 1", "web.prot", "web.port"),
        ("[enginee]\ntries = 1", "enginee", "engine"),
    ],
)
def test_a_wrong_key_is_named_with_the_right_one(tmp_path: Path, text: str, name: str, hint: str) -> None:
    """A misspelling, or the right key in the wrong table."""
    assert problems(COMPLETE, toml(tmp_path, text))[name] == f"is not a setting; did you mean {hint}?"


def test_what_resembles_nothing_gets_no_guess(tmp_path: Path) -> None:
    """A far-fetched guess is worse than none."""
    assert problems(COMPLETE, toml(tmp_path, "qqqqqq = 1"))["qqqqqq"] == "is not a setting"


@pytest.mark.parametrize(
    "content, wrong",
    [
        (None, "cannot be read: No such file or directory"),
        (b"a = ", "is not valid TOML: Invalid value (at end of document)"),
        (b"a = '\xff'", "is not UTF-8 text"),
    ],
)
def test_an_unusable_file_is_a_problem_like_any_other(
    tmp_path: Path, content: bytes | None, wrong: str
) -> None:
    """No stack trace for a wrong path or broken TOML. It comes first, and nothing counts as missing because of it."""
    file = tmp_path / "broken.toml"
    for data in [content] if content is not None else []:
        file.write_bytes(data)
    found = problems({"THREADLINE_WEB__PORT": "x"}, file)
    assert found[str(file)] == wrong
    assert found["web.port"] == 'is not a whole number (it is "x")'
    assert list(found) == [str(file), "web.port"]


def test_inboxes_must_differ(tmp_path: Path) -> None:
    """Two inboxes under one id or number would take each other's messages."""
    table = '[[inboxes]]\nid="a"\nname="A"\nphone_number_id="10654"\nwaba_id="10229"\nchannel="C0A"\n'
    environ = {name: value for name, value in COMPLETE.items() if name != "THREADLINE_INBOXES"}
    assert problems(environ, toml(tmp_path, table * 2)) == {
        "inboxes.id": 'is "a" in 2 inboxes',
        "inboxes.phone_number_id": 'is "10654" in 2 inboxes',
    }
    assert problems(environ, toml(tmp_path, "inboxes = []")) == {"inboxes": "is empty"}


# ------------------------------------------------------------------------------------------------- secrets


SECRETS = [path for path, field in values() if is_secret(field)]


def test_secrets_are_known() -> None:
    """Whatever is named like a secret is treated as one."""
    named = [
        path
        for path, _ in values()
        if re.search(r"token|secret|password|(?<!api_)(?<!public_)url$", path[-1])
    ]
    assert set(SECRETS) == set(named)


@pytest.mark.parametrize("path", SECRETS, ids=".".join)
@pytest.mark.parametrize("value", [" geheim ", "geheim\nzwei", "http://user:geheim@host"])
def test_the_value_of_a_wrong_secret_is_never_shown(path: tuple[str, ...], value: str) -> None:
    """A rejected secret may be a real one with a slip in it."""
    name = env_name([path[0], "support", *path[1:]] if path[0] == "inboxes" else path)
    environ = COMPLETE | {name: value, "THREADLINE_SHARDS": "wrong, so that it fails in any case"}
    with pytest.raises(SettingsError) as caught:
        load_settings(None, environ)
    assert "geheim" not in explain(caught.value) + str(caught.value) + repr(caught.value)


def test_a_secret_at_the_wrong_place_is_never_shown(tmp_path: Path) -> None:
    """A misspelt key or a table given as text may hold the very secret."""
    text = 'whatsapp = "geheim"\nbot_tokn = "geheim"\n[slack]\nbot_tokn = "geheim"\nbot_token = 7\n'
    with pytest.raises(SettingsError) as caught:
        load_settings(toml(tmp_path, text), {"THREADLINE_SLACK__BOT_TOKN": "geheim"})
    assert "geheim" not in explain(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_settings_can_be_printed() -> None:
    """Nobody leaks a token by logging the settings."""
    shown = repr(load_settings(None, COMPLETE | {"THREADLINE_REDIS__URL": "redis://u:token-of-all@h/0"}))
    assert "token-of-all" not in shown
    assert "xoxb-1" not in shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


SECTION_NAMES = sorted({path[0] for path, _ in values()})
KEYS = st.sampled_from(sorted({path[-1] for path, _ in values()})) | st.text(max_size=8)
VARIABLES = [env_name(path) for path, _ in values()] + [env_name([name]) for name in SECTION_NAMES]


@given(
    st.dictionaries(
        st.sampled_from(VARIABLES),
        st.text(max_size=20) | (JSON | st.dictionaries(KEYS, JSON)).map(json.dumps),
        max_size=12,
    )
)
def test_whatever_the_sources_hold_the_answer_is_a_list_of_problems(environ: dict[str, str]) -> None:
    """Any text or shape under any name is reported in words; only complete settings are accepted."""
    with pytest.raises(SettingsError) as caught:
        load_settings(EMPTY, environ)
    assert explain(caught.value)


# ------------------------------------------------------------------------------------------------- example


def example_with_everything() -> dict[str, Any]:
    """The example with every commented key switched on."""
    return tomllib.loads(re.sub(r"(?m)^#(?=[a-z_]+ = )", "", EXAMPLE.read_text(encoding="utf-8")))


def paths(tree: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The values of a tree by path, of repeated tables those of the first entry."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in tree.items():
        inner = value[0] if name == "inboxes" else value
        found |= paths(inner, (*above, name)) if isinstance(inner, dict) else {(*above, name): value}
    return found


def test_the_example_and_the_settings_name_the_same_keys() -> None:
    """Every setting is in the example, and every key of the example is a setting."""
    assert set(paths(example_with_everything())) == {path for path, _ in values()}


@pytest.mark.parametrize(
    "path, shown", list(paths(example_with_everything()).items()), ids=lambda value: str(value)[:40]
)
def test_the_example_shows_the_default(path: tuple[str, ...], shown: object) -> None:
    """A commented line is the default; where there is none, it is the example that errors quote."""
    field = field_at(path)
    assert field is not None
    default = None if field.default in (PydanticUndefined, None, ()) else field.default
    expected = field.examples or [] if default is None or path == ("roles",) else [default]
    assert toml_value(shown) in [toml_value(one) for one in expected]


def test_the_example_loads_as_it_is_and_with_everything_switched_on(tmp_path: Path) -> None:
    """Copying it and filling in the secrets is enough."""
    assert load_settings(EXAMPLE, {}).slack.mode is SlackMode.SOCKET
    everything = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", EXAMPLE.read_text(encoding="utf-8"))
    assert load_settings(toml(tmp_path, everything), {}).inboxes[0].team == "support"


def test_every_setting_explains_itself() -> None:
    """Errors quote the description and an example, so each setting has them."""
    for path, field in values():
        assert field.description, path
        assert field.examples or field.default not in (PydanticUndefined, None, ()), path


def test_a_shipped_file_that_is_not_there_is_an_error() -> None:
    """A wrong name fails where it is asked for, not somewhere later."""
    with pytest.raises(FileNotFoundError, match=r"nothing\.toml"):
        shipped_config("nothing.toml")

"""Faults by rule."""

import pytest

from bridge.sandbox.faults import KINDS, Fault, Faults


def test_rule_fires_as_often_as_it_says() -> None:
    """`times` is counted down and the rule is gone after it."""
    faults = Faults()
    faults.add(Fault("a.b", "cut_before", times=2))
    assert [faults.take("a.b") is not None for _ in range(3)] == [True, True, False]
    assert list(faults) == []


def test_minus_one_never_ends() -> None:
    """A rule with `times` -1 stays in force."""
    faults = Faults()
    faults.add(Fault("a.b", "cut_before", times=-1))
    assert all(faults.take("a.b") for _ in range(50))


@pytest.mark.parametrize(
    "where, name, fires",
    [
        ("slack.chat.postMessage", "slack.chat.postMessage", True),
        ("slack.chat.*", "slack.chat.postMessage", True),
        ("slack.chat.*", "slack.views.open", False),
        ("*", "whatsapp.webhook", True),
        ("SLACK.*", "slack.event", False),
    ],
)
def test_where_is_a_glob(where: str, name: str, fires: bool) -> None:
    """Names are matched as case-sensitive globs."""
    faults = Faults()
    faults.add(Fault(where, "cut_before"))
    assert (faults.take(name) is not None) is fires


def test_first_matching_rule_wins_and_kinds_narrow() -> None:
    """Rules are tried in order; a place that names kinds neither sees nor uses up others."""
    faults = Faults()
    faults.add(Fault("*", "batch", params={"size": 2}))
    faults.add(Fault("x", "delay", params={"seconds": 1}))
    taken = faults.take("x", "delay", "cut_before")
    assert taken is not None
    assert taken.kind == "delay"
    assert [rule["kind"] for rule in faults] == ["batch"]


def test_probability_is_seeded() -> None:
    """The same seed throws the same dice; about half of many throws fire."""

    def throws(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("x", "cut_before", times=-1, probability=0.5))
        return [faults.take("x") is not None for _ in range(200)]

    assert throws(7) == throws(7)
    assert throws(7) != throws(8)
    assert 60 < sum(throws(7)) < 140


def test_remove_and_clear() -> None:
    """A rule can be taken out by its id, once; all of them by clear."""
    faults = Faults()
    rule_id = faults.add(Fault("x", "cut_before"))
    faults.add(Fault("y", "cut_before"))
    assert faults.remove(rule_id)
    assert not faults.remove(rule_id)
    faults.clear()
    assert faults.take("y") is None


@pytest.mark.parametrize(
    "rule, says",
    [
        ({"where": "", "kind": "delay"}, "where"),
        ({"where": "x", "kind": "explode"}, "explode"),
        ({"where": "x", "kind": "cut_before", "times": 0}, "times"),
        ({"where": "x", "kind": "cut_before", "probability": 0}, "probability"),
        ({"where": "x", "kind": "delay"}, "seconds"),
        ({"where": "x", "kind": "delay", "params": {"seconds": "long"}}, "seconds"),
        ({"where": "x", "kind": "batch", "params": {"size": -2}}, "size"),
    ],
)
def test_wrong_rules_say_what_is_wrong(rule: dict[str, object], says: str) -> None:
    """A rule that could never work is refused in words that name the field."""
    with pytest.raises(ValueError, match=says):
        Fault(**rule)  # type: ignore[arg-type]


def test_every_kind_can_be_built() -> None:
    """The table of kinds says which parameters each needs, and no more are needed."""
    for kind, needed in KINDS.items():
        assert Fault("x", kind, params=dict.fromkeys(needed, 1)).kind == kind

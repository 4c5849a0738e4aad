"""Bending recorded JSON: values replaced, removed, doubled, nested and blown up, anywhere in a tree."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "messages",
            "text",
            "failed",
            "system",
            "15550100311",
            "\ud800",
            "tl1|7-a|7-b|0",
            "7-9f3c0a1b2d4e|7-66|",
            "1750000000.000100",
            "9" * 400,
            "\x00\x1b[31m\u202e",
            "<!channel>",
            10**25,
            -(10**400),
            1e308,
            "x" * 5000,
        ]
    )
)
KEYS = st.text(max_size=8) | st.sampled_from(
    [
        "id",
        "from",
        "type",
        "text",
        "body",
        "timestamp",
        "statuses",
        "messages",
        "contacts",
        "field",
        "value",
        "event",
        "channel",
        "user",
        "ts",
        "thread_ts",
        "blocks",
        "elements",
        "actions",
        "view",
        "team",
        "files",
    ]
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value in a tree."""
    found = [path] if path else []
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += places(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found += places(value, (*path, index))
    return found


def nested(depth: int) -> Any:
    """A tree that is nothing but deep."""
    tree: Any = "bottom"
    for level in range(depth):
        tree = [tree] if level % 2 else {"elements": tree}
    return tree


@st.composite
def mutated(draw: st.DrawFn, trees: Sequence[dict[str, Any]], most: int = 3) -> dict[str, Any]:
    """One of `trees` in which up to `most` values were replaced, removed, doubled, moved or nested."""
    tree: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(trees)))
    for _ in range(draw(st.integers(1, most))):
        every = places(tree)
        if not every:
            break
        path = draw(st.sampled_from(every))
        holder: Any = tree
        for step in path[:-1]:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "remove", "double", "move", "nest"])):
            case "replace":
                holder[path[-1]] = draw(ANYTHING)
            case "remove":
                del holder[path[-1]]
            case "move":
                holder[path[-1]] = copy.deepcopy(_at(tree, draw(st.sampled_from(every))))
            case "nest":
                holder[path[-1]] = nested(draw(st.integers(1, 60)))
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[path[-1]]))
            case _:
                holder[path[-1]] = [holder[path[-1]]]
    return tree


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree

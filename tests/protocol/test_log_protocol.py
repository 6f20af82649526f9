"""Every rule of the log protocol names tests, and the tests it names exist."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "ref" / "log-protocol.md").read_text("utf-8")


def rules() -> dict[str, str]:
    """The text of each rule by its number."""
    parts = re.split(r"^\*\*(L\d+)\.", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_there_are_sixteen_rules_and_each_names_a_test() -> None:
    assert list(rules()) == [f"L{number}" for number in range(1, 17)]
    for number, text in rules().items():
        assert re.search(r"`tests/\S+::test_\w+`", text), number


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/\S+?\.py)::(\w+)`", PAGE)
    assert len(named) > 30
    for path, name in named:
        source = (REPOSITORY / path).read_text("utf-8")
        assert re.search(rf"^(def {name}\(|{name} = )", source, re.MULTILINE), f"{path}::{name}"

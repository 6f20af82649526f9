"""Whatever a person reads of the agent in two languages begins with the Chinese one."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import agent
from agent.__main__ import _parser

SOURCES = sorted(Path(agent.__file__).parent.rglob("*.py"))
CHINESE = re.compile(r"[一-鿿]")
LATIN = re.compile(r"[A-Za-z]{2}")
LOG_LINE = re.compile(r"^[a-z_]+=%s ")
"""A log line names its subject first, for the machines that read it."""


def literals(source: Path) -> Iterator[tuple[int, str]]:
    """Every string of a file with its line; what is put into one stands as ``{}``."""
    tree = ast.parse(source.read_text("utf-8"))
    pieces = {
        id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield node.lineno, node.value


def english_first(text: str) -> bool:
    first, slash, second = text.partition(" / ")
    return (
        bool(slash and LATIN.search(first) and CHINESE.search(second))
        and not CHINESE.search(first)
        and not LOG_LINE.match(text)
    )


def test_no_sentence_begins_in_english() -> None:
    wrong = [
        f"{source.name}:{line}: {text}"
        for source in SOURCES
        for line, text in literals(source)
        if english_first(text)
    ]
    assert wrong == []


def test_the_law_sees_what_it_forbids() -> None:
    assert english_first("who is on the LAN / 查找设备")
    assert not english_first("查找设备 / who is on the LAN")


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_every_help_text_and_heading_is_chinese_first() -> None:
    every = [*parsers(_parser()), *parsers(_parser(by_host=True))]
    helps = {str(action.help) for one in every for action in one._actions if action.help is not None}
    titles = {str(group.title) for one in every for group in one._action_groups}
    assert [text for text in helps | titles if not CHINESE.search(text.partition(" / ")[0])] == []
    assert all(one.format_usage().startswith("用法 / usage: outpost-agent") for one in every)

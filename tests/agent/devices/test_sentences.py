"""What is said to people about a device: both languages, Chinese punctuation, times as people read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from agent.devices import sentences

HALF_WIDTH = re.compile(r"[一-鿿][,;:!?()]|[,;:!?()][一-鿿]")


@pytest.mark.parametrize(
    ("error_s", "chinese", "english"),
    [
        (40, "快 40秒", "40 s fast"),
        (-300, "慢 5分", "5 min slow"),
        (11_520, "快 3小时12分", "3 h 12 min fast"),
        (108_000, "快 1天6小时", "1 d 6 h fast"),
        (-86_400, "慢 1天", "1 d slow"),
        (0.2, "快 0秒", "0 s fast"),
    ],
)
def test_a_wrong_clock_is_told_in_days_hours_and_minutes(error_s: float, chinese: str, english: str) -> None:
    said = sentences.clock_off("10.0.0.9", error_s)
    assert chinese in said
    assert english in said


def test_read_only_says_the_same_in_both_languages() -> None:
    chinese, english = sentences.read_only("10.0.0.9", "SetScopes").split(" / ")
    assert "整合类" in chinese and "公安" in chinese and "只读" in chinese
    assert "integrated" in english and "police" in english and "read only" in english


def test_chinese_sentences_have_chinese_punctuation() -> None:
    tree = ast.parse(Path(sentences.__file__).read_text())
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert len(texts) > 50
    assert [text for text in texts if HALF_WIDTH.search(text)] == []

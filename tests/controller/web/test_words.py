"""The words of the page: complete in both languages, and all that the wire can say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.domain.health import Verdict
from controller.domain.incidents import Action, Note, State
from controller.web import pages, words
from controller.web.views import grouped, when
from controller.web.words import WORDS
from protocol.scene_words import SCENE_WORDS
from protocol.words import DeviceClass, Reason, SceneTopic
from tests.support import doors

CJK = re.compile(r"[\u4e00-\u9fff]")


def test_every_label_is_chinese_first_and_english_second() -> None:
    for table in (words.LABELS, words.REASONS, words.BOX_REASONS):
        for key, texts in table.items():
            zh, en = texts[0], texts[1]
            assert zh and en, key
            if key not in ("other_language", "product"):
                assert CJK.search(zh), key
                assert not CJK.search(en), key


def test_every_reason_of_the_wire_says_what_to_do() -> None:
    for reason in Reason:
        zh = WORDS["zh"]
        assert zh.reason(reason) != str(reason)
        if reason is not Reason.OK:
            assert zh.remedy(reason), reason
            assert WORDS["en"].remedy(reason), reason


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_verdict_state_action_and_class_has_its_word(language: str) -> None:
    spoken = WORDS[language]
    shapes = [spoken.shape(verdict) for verdict in Verdict]
    assert len(set(shapes)) == len(shapes), "shape alone tells them apart"
    for verdict in Verdict:
        assert spoken.verdict(verdict) != verdict.value
    for state in State:
        assert spoken.state(state) != state.value
    for action in (*Action, *Note):
        assert spoken.action(action) != action.value
    for device_class in DeviceClass:
        assert spoken.device_class(device_class) != device_class.value


def test_every_scene_topic_has_its_word_and_a_newer_one_is_shown_as_it_is() -> None:
    assert set(SCENE_WORDS) == {str(topic) for topic in SceneTopic}
    for zh, en in SCENE_WORDS.values():
        assert CJK.search(zh)
        assert en and not CJK.search(en)
    assert WORDS["zh"].scene(SceneTopic.STORAGE_FAILURE) == "存储故障"
    assert WORDS["en"].scene(SceneTopic.STORAGE_FAILURE) == "Storage failure"
    assert WORDS["zh"].scene("tns1:Vendor/SomethingNew") == "tns1:Vendor/SomethingNew"


def test_every_label_a_template_asks_for_exists() -> None:
    folder = Path(pages.__file__).parent / "templates"
    asked = {
        name for file in folder.iterdir() for name in re.findall(r"w\.label\('(\w+)'\)", file.read_text())
    }
    assert asked <= set(words.LABELS)


def test_an_unknown_word_is_shown_as_it_is() -> None:
    assert WORDS["zh"].reason("lens_frosted") == "lens_frosted"


def test_times_and_codes_are_written_as_people_read_them() -> None:
    assert when(doors.NOON) == "2025-11-23 09:05:12"
    assert grouped("61052202001326000001") == "61052202 00 132 6 000001"
    assert [WORDS["zh"].duration(s) for s in (59, 60, 3600, 11520, 108_000, 200_000)] == [
        "59秒",
        "1分",
        "1小时",
        "3小时12分",
        "1天6小时",
        "2天7小时",
    ]
    assert WORDS["en"].duration(11520) == "3 h 12 min"

"""Which topics exist, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError, Refusal
from protocol.ids import is_id
from protocol.topics import DELIVERY, UP_FILTERS, Topic, TopicClass, down_filters, parse_topic, topic_of

ids = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)


@given(box=ids, kind=st.sampled_from(TopicClass))
def test_a_topic_taken_apart_and_put_together_is_the_same(box: str, kind: TopicClass) -> None:
    assert parse_topic(topic_of(box, kind)) == Topic(box, kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "op",
        "op/v1/b1",
        "op/v1/b1/up",
        "op/v1//up/log",
        "op/v1/b1//log",
        "op/v1/b1/up/",
        "op/v1/b1/up/log/",
        "/op/v1/b1/up/log",
        "op/v1/b1/up/log/x",
        "op//b1/up/log",
        "op/v2/b1/up/log",
        "OP/v1/b1/up/log",
        "op/v1/+/up/log",
        "op/v1/#",
        "op/v1/b1/#/log",
        "op/v1/b1/up/+",
        "op/v1/b1/dn/log",
        "op/v1/b1/up/ack",
        "op/v1/b1/up/cmd",
        "op/v1/B1/up/log",
        "op/v1/b1.x/up/log",
        "op/v1/b1 /up/log",
        "op/v1/b1\n/up/log",
        "op/v1/b1\x00/up/log",
        "op/v1/b１/up/log",
        "op/v1/" + "b" * 41 + "/up/log",
        "$SYS/broker/uptime",
        "outpost/b1/up/log",
    ],
)
def test_anything_else_is_refused_as_topic(text: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_topic(text)
    assert refused.value.refusal is Refusal.TOPIC


@pytest.mark.parametrize("box", ["", "+", "#", "a/b", "A", "a.b", "b" * 41, "b1\n", "１"])
def test_no_topic_is_made_for_what_is_no_id(box: str) -> None:
    assert not is_id(box)
    with pytest.raises(ProtocolError) as refused:
        topic_of(box, TopicClass.LOG)
    assert refused.value.refusal is Refusal.TOPIC
    assert repr(box)[1:9] in str(refused.value).replace("\\\\", "\\") or box == ""


@given(text=st.text(max_size=60))
def test_no_text_makes_the_parser_raise_anything_else(text: str) -> None:
    try:
        topic = parse_topic(text)
    except ProtocolError as refused:
        assert refused.refusal is Refusal.TOPIC
        assert str(refused).isprintable()
    else:
        assert str(topic) == text


def test_a_very_long_topic_makes_a_short_line() -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_topic("x" * 60_000)
    assert len(str(refused.value)) < 300


def test_only_state_is_retained_only_the_heartbeat_may_be_lost() -> None:
    assert {kind for kind, how in DELIVERY.items() if how.retained} == {
        TopicClass.SESSION,
        TopicClass.TWIN_REPORTED,
        TopicClass.TWIN_DESIRED,
    }
    assert {kind for kind, how in DELIVERY.items() if how.qos != 1} == {TopicClass.NOW}
    assert set(DELIVERY) == set(TopicClass)


def test_the_centre_subscribes_upward_and_a_box_to_its_own_downward_topics() -> None:
    assert set(UP_FILTERS) == {
        "op/v1/+/up/session",
        "op/v1/+/up/now",
        "op/v1/+/up/log",
        "op/v1/+/up/twin",
    }
    assert set(down_filters("b1")) == {"op/v1/b1/dn/ack", "op/v1/b1/dn/twin", "op/v1/b1/dn/cmd"}
    with pytest.raises(ProtocolError):
        down_filters("+")

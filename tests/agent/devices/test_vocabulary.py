"""A device that invents names does not make the box grow: it is refused, and its neighbours are not."""

from __future__ import annotations

import pytest

from agent.devices import Limits, soap
from agent.devices.vocabulary import BYTES_OF_A_DEVICE, NAMES_OF_A_DEVICE, Vocabulary
from tests.support.recorded import onvif_data, recorded_devices


def answer(*, start: int, names: int, shape: str) -> bytes:
    inside = "".join(shape.format(n=n) for n in range(start, start + names))
    return f'<s:Envelope xmlns:s="{soap.ENVELOPE}"><s:Body><r>{inside}</r></s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize(
    "shape",
    [
        "<name{n}/>",
        '<a b{n}="1"/>',
        "<a b{n}='1'/>",
        "<a b{n}  =\n  '1'/>",
        '<a xmlns:p="urn:{n}"/>',
        '<a xmlns:p{n}="urn:x"/>',
        "<?pi{n} ?>",
    ],
)
def test_names_never_met_are_bounded_over_all_answers(shape: str) -> None:
    words = Vocabulary()
    half = NAMES_OF_A_DEVICE // 2
    soap.opened(answer(start=0, names=half, shape=shape), "", Limits(), vocabulary=words)
    with pytest.raises(soap.NotAnEnvelope, match="too many different names"):
        soap.opened(answer(start=half, names=half + 1, shape=shape), "", Limits(), vocabulary=words)


def test_what_was_said_before_may_be_said_again_and_values_are_free() -> None:
    words = Vocabulary(40)
    known = answer(start=0, names=30, shape="<name{n}/>")
    for _ in range(3):
        soap.opened(known, "", Limits(), vocabulary=words)
    for start in range(0, 5000, 100):
        said = answer(start=start, names=100, shape='<name1 at="token{n}">text{n} more{n}</name1>')
        assert soap.opened(said, "", Limits(), vocabulary=Vocabulary(40)).content is not None
    with pytest.raises(soap.NotAnEnvelope):
        soap.opened(answer(start=99, names=30, shape="<name{n}/>"), "", Limits(), vocabulary=words)
    soap.opened(known, "", Limits(), vocabulary=words)


def test_long_names_are_bounded_by_what_they_hold() -> None:
    words = Vocabulary()
    count = BYTES_OF_A_DEVICE // 200
    shape = f"<{'n' * 190}{{n}}/>"
    with pytest.raises(soap.NotAnEnvelope, match="too many different names"):
        soap.opened(answer(start=0, names=count + 50, shape=shape), "", Limits(), vocabulary=words)
    assert words.admits(answer(start=0, names=count // 2, shape=shape)), "a refused answer counts for nothing"


@pytest.mark.parametrize("shape", ["<{long}{n}/>", '<a {long}{n}="1"/>', '<a xmlns:{long}{n}=""/>'])
def test_names_alike_in_their_first_three_hundred_letters_are_different(shape: str) -> None:
    words = Vocabulary(40, most_bytes=10**9)
    said = answer(start=0, names=60, shape=shape.replace("{long}", "n" * 300))
    assert not words.admits(said)


def test_no_recorded_device_needs_half_of_it() -> None:
    for device in recorded_devices(onvif_data()):
        words = Vocabulary(NAMES_OF_A_DEVICE // 2, most_bytes=BYTES_OF_A_DEVICE // 4)
        for path in device.folder.rglob("*.xml"):
            assert words.admits(path.read_bytes()), device.name

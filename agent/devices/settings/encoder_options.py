"""What a video encoder may be set to, as Media and Media2 tell it."""

from __future__ import annotations

from lxml import etree

from agent.devices.settings import places
from agent.devices.settings.places import size_at
from agent.devices.soap import below, child, child_text, local_name
from agent.management import Allowed, Value


def options_1(answer: etree._Element, has: str) -> dict[str, Allowed]:
    """Media: one set of ranges a codec; H.264 alone is changed through it, JPEG stays what it is."""
    options = child(answer, "Options")
    h264 = child(options, "H264")
    spans = {
        "quality": child(options, "QualityRange"),
        "fps": child(h264, "FrameRateRange"),
        "gop_frames": child(h264, "GovLengthRange"),
        "kbps": child(options, "Extension", "H264", "BitrateRange"),
    }
    found = {name: allowed for name, node in spans.items() if (allowed := places.span(node)) is not None}
    listed = {"size": _sizes(h264), "profile": _texts(h264, "H264ProfilesSupported")}
    found |= {name: Allowed(values=values) for name, values in listed.items() if values}
    codec = "H264" if h264 is not None else has
    return {**found, "codec": Allowed(values=(has if has == "JPEG" else codec,))}


def options_2(answer: etree._Element, using: str) -> dict[str, Allowed]:
    """Media2: ranges of the codec ``using``; the codecs of all."""
    each = [option for option in answer if local_name(option) == "Options"]
    codecs = tuple(dict.fromkeys(child_text(option, "Encoding") for option in each))
    option = next((one for one in each if child_text(one, "Encoding") == using), None)
    found = {"codec": Allowed(values=codecs)}
    if option is None:
        return found if codecs else {}
    spans = {"quality": "QualityRange", "kbps": "BitrateRange"}
    found |= {
        name: allowed
        for name, tag in spans.items()
        if (allowed := places.span(child(option, tag))) is not None
    }
    gop = [float(part) for part in (option.get("GovLengthRange") or "").split() if part.isdecimal()]
    if len(gop) == 2:
        found["gop_frames"] = Allowed(low=gop[0], high=gop[1])
    rates = [float(part) for part in (option.get("FrameRatesSupported") or "").split() if _is_number(part)]
    if rates:
        found["fps"] = Allowed(low=min(rates), high=max(rates))
    profiles: tuple[Value, ...] = tuple((option.get("ProfilesSupported") or "").split())
    found |= {"profile": Allowed(values=profiles)} if profiles else {}
    sizes = _sizes(option)
    return {**found, "size": Allowed(values=sizes)} if sizes else found


def rates_2(answer: etree._Element, using: str) -> tuple[Value, ...]:
    """The frame rates that Media2 lists one by one for the codec ``using``."""
    for option in answer:
        if local_name(option) == "Options" and child_text(option, "Encoding") == using:
            texts = (option.get("FrameRatesSupported") or "").split()
            return tuple(float(text) for text in texts if _is_number(text))
    return ()


def _sizes(node: etree._Element | None) -> tuple[Value, ...]:
    place = size_at("size")
    nodes = (
        [one for one in below(node) if local_name(one) == "ResolutionsAvailable"] if node is not None else []
    )
    return tuple(size for one in nodes if (size := place.get(one)) is not None)


def _texts(node: etree._Element | None, name: str) -> tuple[Value, ...]:
    nodes = [] if node is None else [one for one in node if local_name(one) == name]
    return tuple(text for one in nodes if (text := (one.text or "").strip()))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()

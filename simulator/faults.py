"""Decides which faults exist, what each means, and how a change of them is read.

Law: a switch is off at its default value, and an unknown switch or a value of the wrong kind changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

PICTURES = (
    "normal", "covered", "dark", "over_bright", "blurred", "frozen", "moved",
    "colour_cast", "noisy", "striped", "low_contrast", "grey", "shaking",
)  # fmt: skip
PULLS = ("honest", "empty", "fault", "vanish")
CERTIFICATES = ("own", "replaced", "expired")
DISKS = ("ok", "full", "error")
SIP_ANSWERS = (
    "ok",
    "unauthorized",
    "proxy_unauthorized",
    "not_found",
    "not_allowed",
    "unavailable",
    "busy",
    "overloaded",
    "silent",
)


class FaultRefused(ValueError):
    """The asked switch or its value does not exist; the text names those that do."""


def _switch(default: Any, meaning: str, **limits: Any) -> Any:
    return field(default=default, metadata={"meaning": meaning, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSwitches:
    """All faults of one device at one moment."""

    unplugged: bool = _switch(False, "all TCP and UDP ports are closed and open connections dropped")
    hung: bool = _switch(False, "connections are accepted and never answered, RTSP too")
    slow_ms: int = _switch(0, "every answer is late by so many milliseconds", low=0, high=600_000)
    wrong_password: bool = _switch(False, "the right credentials are refused as if they were wrong")
    clock_offset_s: int = _switch(
        0, "the device's clock is ahead (behind when negative)", low=-(10**9), high=10**9
    )
    no_stream: bool = _switch(False, "RTSP answers 404 and no picture comes")
    not_h264: bool = _switch(False, "the stream carries bytes that are not H.264")
    h265: bool = _switch(False, "the stream is H.265")
    two_slots: bool = _switch(False, "only two pull points can be open")
    html_200: bool = _switch(False, "every SOAP request is answered 200 with an HTML page")
    broken_xml: bool = _switch(False, "SOAP answers stop in the middle")
    entity_bomb: bool = _switch(False, "SOAP answers carry nested entity definitions")
    external_entity: bool = _switch(False, "SOAP answers refer to a file of the reader's machine")
    huge_answer: bool = _switch(False, "SOAP answers are 100 MB")
    endless_answer: bool = _switch(False, "SOAP answers never end")
    redirect: bool = _switch(False, "SOAP requests are redirected (307) to another host")
    wrong_host_xaddr: bool = _switch(False, "returned addresses name a host that nobody reaches")
    wrong_port_xaddr: bool = _switch(False, "returned addresses name a port that nobody reaches (NAT)")
    lying_set: bool = _switch(False, "writes are answered with success and nothing is kept")
    rounding_set: bool = _switch(False, "bit rates are kept in steps of 64 kbit/s")
    gop_stays: bool = _switch(False, "an encoder takes every setting but the length of its group of pictures")
    streams_stay: bool = _switch(
        False, "encoders are set and told as asked, and the streams stay as they were"
    )
    keys_ignored: bool = _switch(False, "a key frame is promised and none comes before its time")
    drop_before_write: bool = _switch(False, "the connection is cut before a write is carried out")
    drop_after_write: bool = _switch(False, "the connection is cut after a write was carried out")
    drop_after_upload: bool = _switch(False, "the connection is cut after a file was taken")
    loose_lens: bool = _switch(False, "the head moves and the lens stays where it looked")
    leaks_identity: bool = _switch(False, "passages are told with a plate text (always TEST-PLATE)")
    pulls: str = _switch(
        "honest",
        "pulls are answered at once: with nothing, with a fault, or and the pull point is gone",
        choices=PULLS,
    )
    certificate: str = _switch("own", "which certificate HTTPS shows", choices=CERTIFICATES)
    recording_stopped: bool = _switch(False, "nothing is recorded any more")
    recording_gap_s: int = _switch(
        0, "so many seconds, which ended an hour before, were not recorded", low=0, high=30 * 86_400
    )
    disk: str = _switch("ok", "the state of the recorder's disk", choices=DISKS)
    counter_silent: bool = _switch(False, "what passes is neither counted nor told")
    late_push_s: int = _switch(0, "passages are told so many seconds after they happened", low=0, high=86_400)
    stuck_head: bool = _switch(False, "the head does not move, whatever it answers")
    tour_stopped: bool = _switch(False, "the tour that ran has stopped by itself")
    not_activated: bool = _switch(False, "no password was set yet: everything is refused but its own page")
    unregistered: bool = _switch(False, "a conference endpoint takes its registration back")
    line_loss_percent: int = _switch(0, "so many of 100 SIP datagrams are lost", low=0, high=100)
    line_jitter_ms: int = _switch(0, "SIP answers are late by up to so many milliseconds", low=0, high=10_000)
    picture: str = _switch("normal", "what the lens shows", choices=PICTURES)
    sip: str = _switch("ok", "how SIP OPTIONS is answered", choices=SIP_ANSWERS)

    def changed(self, patch: Mapping[str, object]) -> FaultSwitches:
        """These switches with `patch` applied; `{"covered": true}` is short for `{"picture": "covered"}`.

        Raises FaultRefused when a name or a value is unknown; then nothing of the patch counts.
        """
        changes: dict[str, Any] = {}
        for name, value in patch.items():
            if name in PICTURES[1:]:
                shown = changes.get("picture", self.picture)
                changes["picture"] = _picture_by_boolean(name, value, shown=shown)
            elif name in MEANINGS:
                changes[name] = _checked(name, value)
            else:
                raise FaultRefused(f"no switch {name!r}; there are: {', '.join(SWITCH_NAMES)}")
        return replace(self, **changes)

    @staticmethod
    def defaults() -> dict[str, Any]:
        """The patch that ends every fault."""
        return {name: spec.default for name, spec in _SPECS.items()}

    def active(self) -> dict[str, Any]:
        """The switches that are not at their default, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}


def _picture_by_boolean(name: str, value: object, *, shown: str) -> str:
    if not isinstance(value, bool):
        raise FaultRefused(f"switch {name!r} takes true or false, not {value!r}")
    if value:
        return name
    return "normal" if shown == name else shown


def _checked(name: str, value: object) -> object:
    spec = _SPECS[name]
    if "choices" in spec.metadata:
        if value not in spec.metadata["choices"]:
            raise FaultRefused(
                f"switch {name!r} takes one of {', '.join(spec.metadata['choices'])}, not {value!r}"
            )
        return value
    if isinstance(spec.default, bool):
        if not isinstance(value, bool):
            raise FaultRefused(f"switch {name!r} takes true or false, not {value!r}")
        return value
    low, high = spec.metadata["low"], spec.metadata["high"]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FaultRefused(f"switch {name!r} takes a whole number from {low} to {high}, not {value!r}")
    return value


_SPECS = {f.name: f for f in fields(FaultSwitches)}
MEANINGS: dict[str, str] = {name: spec.metadata["meaning"] for name, spec in _SPECS.items()}
SWITCH_NAMES: tuple[str, ...] = (*MEANINGS, *PICTURES[1:])

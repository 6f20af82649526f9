"""Preset tours of a head: which there are, how they stand, made, changed, started, stopped, removed.

Law: a tour is read before it is written, written as a changed copy, read back and compared; what the device
kept decides, not that it said yes. Stays go out in seconds (``PT90S``). Source: ONVIF PTZ 5.8 (ver 20.12).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices import sentences
from agent.devices.redact import quoted
from agent.devices.settings.surface import SCHEMA, named, renamed
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.upkeep import head_sentences
from agent.devices.upkeep.head import Head
from agent.devices.upkeep.proof import until
from agent.devices.upkeep.ptz import Ptz, seconds_of
from agent.errors import DeviceError, DeviceTrouble

SETTLE_S = 5.0
"""A head that was turning tells the new state of its tour only when it stands."""
_LOOK_EVERY_S = 0.25
_STAY_TOLERANCE_S = 1.0
_MOST = 64
_WANTED_STATE = {"Start": "Touring", "Stop": "Idle", "Pause": "Paused"}


@dataclass(frozen=True, slots=True)
class Spot:
    """One stop of a tour: a preset's token ("" for home or a place without one), and how long it looks."""

    preset: str
    stay_s: float | None = None
    """None: not told; the device's own default."""


@dataclass(frozen=True, slots=True)
class Tour:
    """One preset tour. ``state``: Idle, Touring, Paused, or "" where the device does not say."""

    token: str
    name: str
    state: str
    autostart: bool
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class TourOptions:
    """What a tour may be. Empty and None where the device does not say."""

    presets: tuple[str, ...] = ()
    least_stay_s: float | None = None
    most_stay_s: float | None = None


class Tours:
    """Tours of one device. All raise DeviceError; NOT_SUPPORTED for a head without preset tours."""

    def __init__(self, ptz: Ptz, head: Head, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._ptz = ptz
        self._head = head
        self._surface = ptz.surface
        self._pause = pause

    def listed(self) -> tuple[Tour, ...]:
        """All tours in the device's order."""
        with self._surface.lock:
            return tuple(_tour(node) for node in self._nodes())

    def options(self, token: str) -> TourOptions:
        """What the spots of a tour may be."""
        with self._surface.lock:
            return self._options(token)

    def make(self, name: str, spots: Sequence[Spot], *, autostart: bool = False) -> Tour:
        """A new tour; as the device keeps it. One that could not be filled is taken away again."""
        self._ptz.require_writable("CreatePresetTour")
        presets = {preset.token for preset in self._head.presets()}
        with self._surface.lock:
            self._check(spots, presets, TourOptions())
            before = {node.get("token") for node in self._nodes()}
            answer = self._ptz.write("CreatePresetTour")
            token = child_text(answer, "PresetTourToken")
            if not token or all(node.get("token") != token for node in self._nodes()):
                raise self._not_kept(f"CreatePresetTour: {quoted(token) or '-'}")
            try:
                return self._changed(token, name=name, spots=spots, autostart=autostart, presets=presets)
            except DeviceError:
                if token not in before:
                    with contextlib.suppress(DeviceError):
                        self._ptz.write("RemovePresetTour", named("ptz", "PresetTourToken", token))
                raise

    def change(
        self,
        token: str,
        *,
        name: str | None = None,
        spots: Sequence[Spot] | None = None,
        autostart: bool | None = None,
    ) -> Tour:
        """Change what is given; the tour as the device keeps it. Nothing to change: nothing is sent."""
        self._ptz.require_writable("ModifyPresetTour")
        presets = {preset.token for preset in self._head.presets()} if spots is not None else set()
        with self._surface.lock:
            return self._changed(token, name=name, spots=spots, autostart=autostart, presets=presets)

    def start(self, token: str) -> Tour:
        """Let a tour run."""
        return self._operated(token, "Start")

    def stop(self, token: str) -> Tour:
        """End a tour; the head stands."""
        return self._operated(token, "Stop")

    def pause(self, token: str) -> Tour:
        """Interrupt a tour."""
        return self._operated(token, "Pause")

    def remove(self, token: str) -> None:
        """Take a tour away."""
        self._ptz.require_writable("RemovePresetTour")
        with self._surface.lock:
            self._node(token)
            self._ptz.write("RemovePresetTour", named("ptz", "PresetTourToken", token))
            if any(node.get("token") == token for node in self._nodes()):
                raise self._not_kept(f"RemovePresetTour: {token}")

    def _operated(self, token: str, operation: str) -> Tour:
        self._ptz.require_writable("OperatePresetTour")
        wanted = _WANTED_STATE[operation]
        with self._surface.lock:
            before = _tour(self._node(token))
            if before.state == wanted:
                return before
            self._ptz.write(
                "OperatePresetTour",
                named("ptz", "PresetTourToken", token),
                named("ptz", "Operation", operation),
            )

        def look() -> Tour:
            with self._surface.lock:
                return _tour(self._node(token))

        after = until(
            look,
            lambda seen: seen.state in (wanted, ""),
            within_s=SETTLE_S,
            every_s=_LOOK_EVERY_S,
            pause=self._pause,
        )
        if after.state not in (wanted, ""):
            said = quoted(after.state, longest=20)
            detail = head_sentences.tour_did_not(self._surface.where, token, operation, said)
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return after

    def _changed(
        self,
        token: str,
        *,
        name: str | None,
        spots: Sequence[Spot] | None,
        autostart: bool | None,
        presets: set[str],
    ) -> Tour:
        node = self._node(token)
        if spots is not None:
            self._check(spots, presets, self._options(token))
        before = _tour(node)
        wanted = Tour(
            token,
            before.name if name is None else name,
            before.state,
            before.autostart if autostart is None else autostart,
            before.spots if spots is None else tuple(spots),
        )
        if _same(wanted, before):
            return before
        self._ptz.write("ModifyPresetTour", renamed(_copied(node, wanted), "ptz", "PresetTour"))
        after = _tour(self._node(token))
        if not _same(wanted, after):
            raise self._not_kept(f"ModifyPresetTour: {_told(wanted)} -> {_told(after)}")
        return after

    def _check(self, spots: Sequence[Spot], presets: set[str], options: TourOptions) -> None:
        where = self._surface.where
        if len(spots) < 2:
            raise self._surface.error(DeviceTrouble.BAD_VALUE, head_sentences.empty_tour(where))
        unknown = next((spot.preset for spot in spots if spot.preset and spot.preset not in presets), None)
        if unknown is not None:
            detail = sentences.no_preset(where, unknown, ", ".join(sorted(presets)[:40]) or "-")
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
        low, high = options.least_stay_s, options.most_stay_s
        outside = [
            f"{spot.preset}={spot.stay_s:g}"
            for spot in spots
            if spot.stay_s is not None
            and not (0 if low is None else low) <= spot.stay_s <= (86_400 if high is None else high)
        ]
        if outside:
            allowed = f"{0 if low is None else low:g}..{86_400 if high is None else high:g}"
            detail = head_sentences.bad_stay(where, outside, allowed)
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _options(self, token: str) -> TourOptions:
        try:
            answer = self._ptz.ask("GetPresetTourOptions", named("ptz", "PresetTourToken", token))
        except DeviceError as error:
            if error.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                return TourOptions()
            raise
        spot = child(answer, "Options", "TourSpot")
        detail = child(spot, "PresetDetail")
        presets = () if detail is None else tuple(_texts(detail, "PresetToken"))
        stay = child(spot, "StayTime")
        return TourOptions(presets, seconds_of(child_text(stay, "Min")), seconds_of(child_text(stay, "Max")))

    def _nodes(self) -> list[etree._Element]:
        answer = self._ptz.ask("GetPresetTours")
        found = [node for node in answer if local_name(node) == "PresetTour" and node.get("token")]
        return found[:_MOST]

    def _node(self, token: str) -> etree._Element:
        there = self._nodes()
        found = next((node for node in there if node.get("token") == token), None)
        if found is None:
            listed = ", ".join(f"{one.token}={one.name}" for one in map(_tour, there)) or "-"
            detail = head_sentences.no_tour(self._surface.where, token, listed)
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
        return found

    def _not_kept(self, what: str) -> DeviceError:
        return self._surface.error(
            DeviceTrouble.NOT_KEPT, sentences.not_kept(self._surface.where, [quoted(what, longest=160)])
        )


def _tour(node: etree._Element) -> Tour:
    spots = [_spot(each) for each in node if local_name(each) == "TourSpot"]
    return Tour(
        (node.get("token") or "").strip(),
        quoted(child_text(node, "Name"), longest=64),
        quoted(child_text(node, "Status", "State"), longest=20),
        child_text(node, "AutoStart").casefold() in ("true", "1"),
        tuple(spots[:_MOST]),
    )


def _spot(node: etree._Element) -> Spot:
    preset = child_text(node, "PresetDetail", "PresetToken")
    return Spot(quoted(preset, longest=64), seconds_of(child_text(node, "StayTime")))


def _copied(node: etree._Element, wanted: Tour) -> etree._Element:
    """The tour as it was read, with what is wanted: spots that stay keep their speed and extensions."""
    copy = deepcopy(node)
    _set_text(copy, "Name", wanted.name, at=0)
    _set_text(copy, "AutoStart", "true" if wanted.autostart else "false", at=2)
    if wanted.spots == _tour(node).spots:
        return copy
    old = [each for each in copy if local_name(each) == "TourSpot"]
    place = copy.index(old[0]) if old else _after(copy, "StartingCondition", "AutoStart")
    for each in old:
        copy.remove(each)
    by_preset = {_spot(each).preset: each for each in reversed(old)}
    for number, spot in enumerate(wanted.spots):
        copy.insert(place + number, _spot_node(spot, by_preset.get(spot.preset)))
    return copy


def _spot_node(spot: Spot, like: etree._Element | None) -> etree._Element:
    if like is None:
        token = element(SCHEMA, "PresetToken", text=spot.preset)
        like = element(SCHEMA, "TourSpot", element(SCHEMA, "PresetDetail", token))
    made = deepcopy(like)
    if spot.stay_s is not None:
        _set_text(made, "StayTime", f"PT{spot.stay_s:g}S", at=_after(made, "Speed", "PresetDetail"))
    return made


def _set_text(node: etree._Element, name: str, text: str, *, at: int) -> None:
    found = child(node, name)
    if found is None:
        found = element(SCHEMA, name)
        node.insert(at, found)
    found.text = text


def _after(node: etree._Element, *names: str) -> int:
    """The place behind the first of these children that is there; 0 without any."""
    for name in names:
        found = child(node, name)
        if found is not None:
            return node.index(found) + 1
    return 0


def _texts(node: etree._Element, name: str) -> list[str]:
    return [(each.text or "").strip() for each in node if local_name(each) == name][:512]


def _same(wanted: Tour, found: Tour) -> bool:
    return (
        (wanted.name, wanted.autostart) == (found.name, found.autostart)
        and [spot.preset for spot in wanted.spots] == [spot.preset for spot in found.spots]
        and all(
            one.stay_s is None
            or (other.stay_s is not None and abs(one.stay_s - other.stay_s) <= _STAY_TOLERANCE_S)
            for one, other in zip(wanted.spots, found.spots, strict=False)
        )
    )


def _told(tour: Tour) -> str:
    spots = ",".join(
        f"{spot.preset}:{'-' if spot.stay_s is None else f'{spot.stay_s:g}'}" for spot in tour.spots
    )
    return f"{tour.name} [{spots}]"

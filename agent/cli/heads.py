"""Commands for a moving head: presets (turned to and looked after), home, tours."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict

from agent.cli.desk import Desk
from agent.devices.upkeep import Upkeep, head_sentences
from agent.devices.upkeep.proof import Proof
from agent.devices.upkeep.tours import Spot, Tour
from agent.errors import ConfigError, DeviceError, DeviceTrouble

EXIT_OK = 0


def presets(desk: Desk, options: argparse.Namespace) -> int:
    """The presets of a dome, after what was asked: turn, make the view home, store or forget one."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        if options.go:
            _turn(desk, upkeep, options.go)
        if options.set_home:
            upkeep.head.set_home()
            desk.paper.line(head_sentences.home_set(device.id))
        if options.home:
            proof = upkeep.head.go_home()
            told = head_sentences.at_home if proof is Proof.COMPARED else head_sentences.home_open
            desk.paper.line(told(device.id))
        if options.store:
            made = upkeep.head.store(options.store)
            desk.paper.line(f"{device.id}: 已存为预置位 stored as preset {made.token} {made.name}")
        if options.remove:
            upkeep.head.forget(options.remove)
        found = upkeep.head.presets()
    desk.paper.document({"device": device.id, "presets": [asdict(preset) for preset in found]})
    if not desk.paper.as_json:
        rows = [
            (one.token, one.name, one.place and f"{one.place.pan:g}, {one.place.tilt:g}, {one.place.zoom:g}")
            for one in found
        ]
        columns = ("预置位 preset", "名称 name", "位置 pan, tilt, zoom")
        desk.paper.table(columns, rows, empty="没有预置位 / no presets")
    return EXIT_OK


def tours(desk: Desk, options: argparse.Namespace) -> int:
    """The preset tours of a head, after what was asked: make, start, stop, pause, take away."""
    device = desk.device(options.device)
    spots = tuple(_spot(text) for text in options.spot or ())
    if bool(options.make) != bool(spots):
        problem = "--make 要与 --spot 一起用 / --make goes with --spot PRESET:SECONDS, two or more"
        raise ConfigError("tours", [problem])
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        if options.make:
            upkeep.tours.make(options.make, spots, autostart=options.autostart)
        elif options.start:
            upkeep.tours.start(options.start)
        elif options.stop:
            upkeep.tours.stop(options.stop)
        elif options.pause:
            upkeep.tours.pause(options.pause)
        elif options.remove:
            upkeep.tours.remove(options.remove)
        found = upkeep.tours.listed()
    desk.paper.document({"device": device.id, "tours": [asdict(tour) for tour in found]})
    if not desk.paper.as_json:
        rows = [(one.token, one.name, one.state, one.autostart, _way(one)) for one in found]
        columns = ("巡航 tour", "名称 name", "状态 state", "自启 autostart", "停留点 preset:seconds")
        desk.paper.table(columns, rows, empty="没有巡航 / no tours")
    return EXIT_OK


def _turn(desk: Desk, upkeep: Upkeep, token: str) -> None:
    try:
        upkeep.head.turn_to(token)
    except DeviceError as error:
        if error.kind is not DeviceTrouble.NOT_SUPPORTED or not any(
            one.token == token for one in upkeep.head.presets()
        ):
            raise
        desk.paper.line(error.detail)  # it was sent; where the head looks now is not told


def _spot(text: str) -> Spot:
    preset, colon, seconds = text.rpartition(":")
    if not colon:
        return Spot(text)
    try:
        stay_s = float(seconds)
    except ValueError:
        stay_s = -1.0
    if not preset or not 0 < stay_s <= 86_400:
        raise ConfigError(text, ["停留点写作 预置位:秒 / a spot is PRESET or PRESET:SECONDS"])
    return Spot(preset, stay_s)


def _way(tour: Tour) -> str:
    stays = (f":{spot.stay_s:g}" if spot.stay_s is not None else "" for spot in tour.spots)
    return " ".join(f"{spot.preset or '-'}{stay}" for spot, stay in zip(tour.spots, stays, strict=True))

"""Decides what the control port offers: look at devices, switch faults, play actions, send events, restart.

Law: a request that names an unknown device, switch, action or field changes nothing and says what there is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulator.county import County, address
from simulator.device import senses
from simulator.device.users import Refusal
from simulator.faults import MEANINGS, SWITCH_NAMES, FaultRefused
from simulator.station import REBOOT_S, Station

_COUNTY: web.AppKey[County] = web.AppKey("county", County)
_OPERATIONS = ("Initialized", "Changed", "Deleted")


class _Refused(web.HTTPException):
    """A problem with a code and a text, as JSON."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        self.status_code = status
        super().__init__(
            text=json.dumps({"detail": detail, **more}, ensure_ascii=False), content_type="application/json"
        )


def application(county: County) -> web.Application:
    """The control port's application."""
    app = web.Application()
    app[_COUNTY] = county
    app.router.add_get("/devices", _list)
    app.router.add_patch("/devices", _switch_many)
    app.router.add_get("/devices/{name}", _show)
    app.router.add_get("/devices/{name}/faults", _show_faults)
    app.router.add_patch("/devices/{name}/faults", _switch)
    app.router.add_delete("/devices/{name}/faults", _switch_off)
    app.router.add_post("/devices/{name}/play", _play)
    app.router.add_post("/devices/{name}/event", _event)
    app.router.add_post("/devices/{name}/passage", _passage)
    app.router.add_post("/devices/{name}/reboot", _reboot)
    app.router.add_get("/truth", _truth)
    app.router.add_get("/faults", _all_switches)
    return app


def describe(station: Station) -> dict[str, Any]:
    """Everything the control port tells of one device."""
    device = station.device
    counters = dict(device.counters)
    return {
        **address(station),
        "model": device.identity.model,
        "serial": device.identity.serial,
        "mac": device.identity.mac,
        "auth": str(device.auth),
        "tls": device.certificates is not None,
        "faults": device.faults.active(),
        "subscriptions": len(device.events.live()),
        "slots": device.slots,
        "auth_failures": sum(
            counters.get(f"auth_{refusal}", 0) for refusal in Refusal if refusal != "missing"
        ),
        "locked": device.users.locked(),
        "rtsp_clients": 0 if station.streams is None else station.streams.clients,
        "passages": device.passages,
        "clock_offset_s": round(device.clock.offset_s, 3),
        "booted_at": device.booted_at,
        "counters": counters,
        "last_requests": list(device.last_requests),
    }


def _station(request: web.Request) -> Station:
    return _named(request.app[_COUNTY], request.match_info["name"])


def _named(county: County, name: str) -> Station:
    station = county.stations.get(name)
    if station is None:
        raise _Refused(404, f"no device {name!r}", devices=sorted(county.stations))
    return station


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise _Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _Refused(400, "the body must be a JSON object")
    return body


def _only(body: Mapping[str, Any], *known: str) -> None:
    if unknown := body.keys() - set(known):
        raise _Refused(422, f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")


def _apply(station: Station, patch: Mapping[str, Any]) -> None:
    try:
        station.device.switch(patch)
    except FaultRefused as error:
        raise _Refused(422, f"{station.device.name}: {error}", switches=list(SWITCH_NAMES)) from error


async def _list(request: web.Request) -> web.Response:
    county = request.app[_COUNTY]
    return web.json_response({name: describe(station) for name, station in county.stations.items()})


async def _show(request: web.Request) -> web.Response:
    return web.json_response(describe(_station(request)))


async def _show_faults(request: web.Request) -> web.Response:
    return web.json_response(_station(request).device.faults.active())


async def _all_switches(_request: web.Request) -> web.Response:
    return web.json_response(MEANINGS)


async def _switch(request: web.Request) -> web.Response:
    station = _station(request)
    _apply(station, await _body(request))
    await station.settled()
    return web.json_response(station.device.faults.active())


async def _switch_off(request: web.Request) -> web.Response:
    station = _station(request)
    _apply(station, station.device.faults.defaults())
    station.device.users.unlock()
    await station.settled()
    return web.json_response(station.device.faults.active())


async def _switch_many(request: web.Request) -> web.Response:
    body = await _body(request)
    _only(body, "names", "faults")
    county = request.app[_COUNTY]
    stations = [_named(county, name) for name in body.get("names", sorted(county.stations))]
    patch = body.get("faults", {})
    for station in stations:
        _check(station, patch)
    for station in stations:
        _apply(station, patch)
    await asyncio.gather(*(station.settled() for station in stations))
    return web.json_response({s.device.name: s.device.faults.active() for s in stations})


def _check(station: Station, patch: Mapping[str, Any]) -> None:
    try:
        station.device.faults.changed(patch)
    except FaultRefused as error:
        raise _Refused(422, f"{station.device.name}: {error}", switches=list(SWITCH_NAMES)) from error


async def _play(request: web.Request) -> web.Response:
    body = await _body(request)
    _only(body, "action")
    device = _station(request).device
    if device.picture is None:
        raise _Refused(409, f"{device.name} has no picture")
    try:
        starts_at, ends_at = device.picture.play(str(body.get("action", "")))
    except KeyError as error:
        raise _Refused(422, f"{device.name}: {error.args[0] if error.args else error}") from error
    device.ledger.add(f"play:{body['action']}", begin=starts_at, end=ends_at)
    return web.json_response({"starts_at": starts_at, "ends_at": ends_at})


async def _event(request: web.Request) -> web.Response:
    body = await _body(request)
    _only(body, "topic", "source", "data", "operation")
    topic, operation = body.get("topic"), body.get("operation")
    if not isinstance(topic, str) or not topic:
        raise _Refused(422, "topic is missing, such as tns1:VideoSource/MotionAlarm")
    if operation is not None and operation not in _OPERATIONS:
        raise _Refused(422, f"operation must be one of {', '.join(_OPERATIONS)} or absent")
    device = _station(request).device
    device.events.tell(topic, source=_items(body, "source"), data=_items(body, "data"), operation=operation)
    device.counters["events_sent"] += 1
    return web.json_response({"subscriptions": len(device.events.live())})


def _items(body: Mapping[str, Any], field: str) -> tuple[tuple[str, str], ...]:
    items = body.get(field) or {}
    if not isinstance(items, dict):
        raise _Refused(422, f"{field} must be an object of names and values")
    return tuple((str(name), str(value)) for name, value in items.items())


async def _passage(request: web.Request) -> web.Response:
    device = _station(request).device
    if device.abilities.counts is None:
        raise _Refused(409, f"{device.name} counts nothing")
    senses.pass_by(device)
    return web.json_response({"passages": device.passages})


async def _reboot(request: web.Request) -> web.Response:
    body = await _body(request)
    _only(body, "seconds")
    seconds = body.get("seconds", REBOOT_S)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= 600:
        raise _Refused(422, f"seconds must be from 0 to 600, not {seconds!r}")
    await _station(request).reboot(float(seconds))
    return web.json_response({"seconds": seconds})


async def _truth(request: web.Request) -> web.Response:
    told = {}
    for name, station in request.app[_COUNTY].stations.items():
        device = station.device
        shown = device.picture.truth() if device.picture is not None else []
        told[name] = sorted([*device.ledger.intervals(), *shown], key=lambda interval: interval["from"])
    return web.json_response(told)


class ControlPort:
    """The listening control port."""

    def __init__(self, county: County, *, host: str, port: int) -> None:
        self._runner = web.AppRunner(application(county), access_log=None, shutdown_timeout=1.0)
        self._host = host
        self._port = port
        self.url = ""

    async def open(self) -> None:
        """Listen; `url` then tells where. Raises OSError when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

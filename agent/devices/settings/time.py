"""The device's clock: mode, zone, time servers. UTC alone is read; zones are shown as the device writes them.

Law: SetNTP does not switch the mode (ONVIF Core 8.3.4), so servers are written first and the mode after them;
a manual clock keeps the time it had unless ``synchronise`` is asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lxml import etree

from agent.devices import sentences
from agent.devices.settings import places, refusals
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.places import flag_at, text_at
from agent.devices.settings.surface import SCHEMA, named
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, ChangedField, Settings, Value

_TDS = NAMESPACES["devicemgmt"]
_PLACES = (
    text_at("mode", "DateTimeType"),
    text_at("zone", "TimeZone", "TZ"),
    flag_at("daylight_saving", "DaylightSavings"),
)
_TOLERATED_S = 2.0
_POSIX_NAME = r"(?:[A-Za-z]{3,10}|<[A-Za-z0-9+-]{3,10}>)"
_POSIX_TIME = r"[+-]?[0-9]{1,3}(?::[0-9]{2}){0,2}"
_POSIX_ZONE = re.compile(
    rf"{_POSIX_NAME}{_POSIX_TIME}(?:{_POSIX_NAME}(?:{_POSIX_TIME})?(?:,[MJ0-9./:+-]+,[MJ0-9./:+-]+)?)?"
)
"""POSIX 1003.1, 8.3: what ONVIF's TimeZone is; devices show worse, nothing worse is written."""
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


class TimeAspect(SettingsAspect):
    """``mode`` (NTP or Manual), ``zone`` (POSIX, ``CST-8``), ``ntp.servers``, ``ntp.from_dhcp``."""

    name = "time"

    def _look(self) -> dict[str, Value]:
        answer = self._surface.ask("devicemgmt", "GetSystemDateAndTime")
        node = child(answer, "SystemDateAndTime")
        found = {} if node is None else places.read(node, _PLACES)
        found.setdefault("zone", "")
        return found | self._servers()

    def _servers(self) -> dict[str, Value]:
        try:
            node = child(self._surface.ask("devicemgmt", "GetNTP", optional=True), "NTPInformation")
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            return {}
        if node is None:
            return {}
        listed = tuple(
            server
            for entry in node
            if local_name(entry) == "NTPManual"
            for name in ("IPv4Address", "DNSname", "IPv6Address")
            if (server := child_text(entry, name))
        )
        return {"ntp.servers": listed, "ntp.from_dhcp": child_text(node, "FromDHCP") in ("true", "1")}

    def _bounds(self, _wanted: Settings, /) -> dict[str, Allowed]:
        return {"mode": Allowed(values=("NTP", "Manual"))}

    def _may_follow(self, name: str, changed: Settings) -> bool:
        if name == "daylight_saving":
            return "zone" in changed  # some makes read it out of the zone
        return name == "ntp.servers" and "ntp.from_dhcp" in changed

    def _objections(self, wanted: Settings, before: Settings) -> Sequence[str]:
        to_be = {**before, **wanted}
        found = []
        if wanted.get("mode") == "NTP" and to_be.get("ntp.from_dhcp") is False and not to_be["ntp.servers"]:
            found.append(refusals.no_time_server("mode"))
        if "zone" in wanted and not _POSIX_ZONE.fullmatch(str(wanted["zone"])):
            found.append(refusals.not_posix_zone("zone", str(wanted["zone"])))
        servers = wanted.get("ntp.servers", ())
        found += [
            refusals.not_a_host("ntp.servers", server)
            for server in (servers if isinstance(servers, tuple) else ())
            if not _is_host(server)
        ]
        return found

    def _measured(self, changed: Settings) -> tuple[ChangedField, ...]:
        """The clock against the box's, before and after: whether NTP works is seen here, not in the mode."""
        if "mode" not in changed and "ntp.servers" not in changed:
            return ()
        account = self._surface.session.account
        before = account.clock_error_s
        self._surface.session.clock()
        if before is None or account.clock_error_s is None:
            return ()
        after = round(account.clock_error_s, 1)
        return (ChangedField("clock_error_s", round(before, 1), 0.0, after),)

    def _send(self, changed: Settings) -> None:
        now = self._look()
        wanted = {**now, **changed}
        if any(name.startswith("ntp.") for name in changed):
            listed = wanted.get("ntp.servers", ())
            servers = listed if isinstance(listed, tuple) else (str(listed),)
            from_dhcp = "true" if wanted.get("ntp.from_dhcp") else "false"
            parts = [named("devicemgmt", "FromDHCP", from_dhcp), *map(_server, servers)]
            self._surface.ask("devicemgmt", "SetNTP", *parts)
        if {"mode", "zone", "daylight_saving"} & changed.keys():
            manual = self._device_now() if wanted["mode"] == "Manual" else None
            self._set_clock(wanted, manual)

    def synchronise(self) -> float:
        """Set the device's clock to the box's, by hand; returns the error left in seconds.

        Raises DeviceError: READ_ONLY, BAD_VALUE when the mode is NTP, NOT_KEPT when it is still off.
        """
        surface, account = self._surface, self._surface.session.account
        if not surface.writable:
            raise surface.error(DeviceTrouble.READ_ONLY, sentences.read_only(surface.where, "set clock"))
        with surface.lock, surface.session.transport.within(surface.limits.total_s * 2):
            now = self._look()
            if now.get("mode") == "NTP":
                raise surface.error(DeviceTrouble.BAD_VALUE, sentences.clock_by_ntp(surface.where))
            self._set_clock(now, account.box_utc())
            surface.session.clock()
        error_s = account.clock_error_s
        if error_s is None or abs(error_s) > _TOLERATED_S:
            told = "-" if error_s is None else f"{error_s:+.1f} s"
            raise surface.error(DeviceTrouble.NOT_KEPT, sentences.not_kept(surface.where, [f"clock: {told}"]))
        return error_s

    def _set_clock(self, wanted: Settings, manual: datetime | None) -> None:
        daylight = "true" if wanted.get("daylight_saving") else "false"
        parts = [
            named("devicemgmt", "DateTimeType", str(wanted["mode"])),
            named("devicemgmt", "DaylightSavings", daylight),
        ]
        if wanted["zone"]:
            parts.append(element(_TDS, "TimeZone", element(SCHEMA, "TZ", text=str(wanted["zone"]))))
        if manual is not None:
            parts.append(_moment(manual))
        self._surface.ask("devicemgmt", "SetSystemDateAndTime", *parts)

    def _device_now(self) -> datetime:
        account = self._surface.session.account
        return account.box_utc() + timedelta(seconds=account.clock_error_s or 0.0)


def _is_host(server: str) -> bool:
    try:
        ipaddress.ip_address(server)
    except ValueError:
        return _HOST.fullmatch(server) is not None
    return True


def _server(server: str) -> etree._Element:
    try:
        kind = f"IPv{ipaddress.ip_address(server).version}"
        tag = f"{kind}Address"
    except ValueError:
        kind, tag = "DNS", "DNSname"
    return element(_TDS, "NTPManual", element(SCHEMA, "Type", text=kind), element(SCHEMA, tag, text=server))


def _moment(moment: datetime) -> etree._Element:
    def figures(tag: str, parts: Iterable[tuple[str, int]]) -> etree._Element:
        return element(SCHEMA, tag, *(element(SCHEMA, name, text=str(value)) for name, value in parts))

    time = (("Hour", moment.hour), ("Minute", moment.minute), ("Second", moment.second))
    date = (("Year", moment.year), ("Month", moment.month), ("Day", moment.day))
    return element(_TDS, "UTCDateTime", figures("Time", time), figures("Date", date))

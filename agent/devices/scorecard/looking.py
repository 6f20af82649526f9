"""Trials that read: clock, log-in, services, addresses, Media2, snapshot, zone, upkeep, recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import etree

from agent.devices import reading
from agent.devices.account import Mode
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.habits import Habit
from agent.devices.redact import redact
from agent.devices.scorecard.bench import STOPS, Bench
from agent.devices.scorecard.card import Mark, Verdict, compared, mark
from agent.devices.sentences import both
from agent.devices.settings.surface import named, tokens
from agent.devices.soap import child, child_text
from agent.devices.witness import Exchange, watching
from agent.errors import DeviceError, DeviceTrouble

_ZONE = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?)(\d{1,2})(?::(\d{2}))?(?::\d{2})?(.*)", re.DOTALL
)
_UNKNOWN = "GetWhatNobodyHas"
"""An operation of no standard: what is answered to it is how this make says no."""
_JPEG = b"\xff\xd8\xff"
_STREAM_SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


def clock(bench: Bench) -> Iterator[Mark]:
    """Whether the clock is told without a log-in, and whether its zone can be used."""
    opened = bench.session.clock()
    told = opened is not None
    yield mark(
        "clock",
        True,
        told,
        Verdict.HONEST if told else Verdict.LIES,
        both("标准要求不登录可读", "the standard wants it told without a log-in"),
    )
    answer = bench.tried("devicemgmt", "GetSystemDateAndTime")
    yield judge_zone(answer)


def judge_zone(answer: etree._Element | None) -> Mark:
    """The zone's string against what the device itself shows as local time."""
    node = child(answer, "SystemDateAndTime")
    zone = child_text(node, "TimeZone", "TZ")
    local, utc = _moment_s(child(node, "LocalDateTime")), _moment_s(child(node, "UTCDateTime"))
    if not zone:
        return mark("time_zone", "-", "-", Verdict.NOT_OFFERED, both("没有时区", "no zone is told"))
    match = _ZONE.fullmatch(zone)
    if match is None:
        return mark("time_zone", zone, "-", Verdict.LIES, both("不是 POSIX 时区", "it is no POSIX zone"))
    sign, hours, minutes, rest = match.groups()
    east_s = (-1 if sign != "-" else 1) * (int(hours) * 3600 + int(minutes or 0) * 60)
    if local is None or utc is None:
        told = both("设备不报本地时间，无法核对", "local time is not told, it cannot be checked")
        return mark("time_zone", zone, "-", Verdict.UNDECIDED, told)
    shown_s = (local - utc + 43_200 + 86_400) % 86_400 - 43_200
    right = abs(shown_s - east_s) <= 60 or (bool(rest) and abs(shown_s - east_s - 3600) <= 60)
    does = f"UTC{shown_s / 3600:+g}"
    told = both(
        f"按字符串是 UTC{east_s / 3600:+g}，显示的是 {does}",
        f"the string means UTC{east_s / 3600:+g}, shown is {does}",
    )
    return mark("time_zone", zone, does, Verdict.HONEST if right else Verdict.LIES, told)


def _moment_s(node: etree._Element | None) -> int | None:
    """Seconds of the day; None when they cannot be read."""
    try:
        figures = [int(child_text(node, "Time", name)) for name in ("Hour", "Minute", "Second")]
    except ValueError:
        return None
    return figures[0] * 3600 + figures[1] * 60 + figures[2]


def services(bench: Bench) -> Iterator[Mark]:
    """Where the services are, what they claim; fills the bench for all that follows."""
    listed = bench.tried("devicemgmt", "GetServices", named("devicemgmt", "IncludeCapability", "false"))
    if listed is not None:
        bench.take_services(listed)
    has = "media" in bench.endpoints
    old = bench.tried("devicemgmt", "GetCapabilities", named("devicemgmt", "Category", "All"))
    if old is not None:
        bench.take_capabilities(old)
    if has:
        bench.habits.contradicted(Habit.NO_GET_SERVICES)
    elif old is not None:
        bench.habits.learned(Habit.NO_GET_SERVICES)
    verdict = Verdict.HONEST if has else Verdict.LIES if old is not None else Verdict.UNDECIDED
    names = ", ".join(sorted(bench.endpoints)) or "-"
    yield mark("services", True, has, verdict, both(f"服务有 {names}", f"services: {names}"))
    for service in ("devicemgmt", "media", "events"):
        if service == "devicemgmt" or service in bench.endpoints:
            name = "device" if service == "devicemgmt" else service
            bench.take_claims(name, bench.tried(service, "GetServiceCapabilities"))
    yield _addresses(bench)


def _addresses(bench: Bench) -> Mark:
    hosts = {_scheme_and_host(xaddr)[1] for xaddr in bench.told}
    if not hosts:
        return mark("addresses", "-", "-", Verdict.UNDECIDED, both("没有返回地址", "no address was returned"))
    right = hosts == {bench.session.device.host.lower()}
    told = (
        both("与登记的主机一致", "the enrolled host")
        if right
        else both("指向另一台主机", "they name another host")
    )
    return mark("addresses", True, right, Verdict.HONEST if right else Verdict.LIES, told)


def _scheme_and_host(uri: str) -> tuple[str, str]:
    """Of an address as a device wrote it; empty where it is none."""
    try:
        split = urlsplit(uri.strip())
        return split.scheme, split.hostname or ""
    except ValueError:
        return "", ""


def login(bench: Bench) -> Iterator[Mark]:
    """Which ways were seen in normal work. No password is tried for it."""
    mode = bench.session.account.mode
    digest, token = bench.claimed("device.HttpDigest"), bench.claimed("device.UsernameToken")
    claims = "+".join(word for word, said in (("digest", digest), ("token", token)) if said) or "-"
    if mode is None:
        yield mark(
            "login", claims, "none", Verdict.UNDECIDED, both("设备不要求登录", "it asks for no log-in")
        )
        return
    lies = bool(digest) and mode is Mode.TOKEN
    told = both(f"实际用 {mode} 登录", f"it is logged in to by {mode}")
    yield mark("login", claims, mode, Verdict.LIES if lies else Verdict.HONEST, told)


def media2(bench: Bench) -> Iterator[Mark]:
    """Whether a Media2 that is told of lists profiles."""
    if "media2" not in bench.endpoints:
        told = both("服务列表中没有", "not among its services")
        yield mark("media2", False, "-", Verdict.NOT_OFFERED, told)
        return
    answer = bench.tried("media2", "GetProfiles", named("media2", "Type", "VideoEncoder"))
    alive = answer is not None
    (bench.habits.contradicted if alive else bench.habits.learned)(Habit.DEAD_MEDIA2)
    count = 0 if answer is None else len(answer)
    told = both(f"列出 {count} 路码流", f"it lists {count} profiles")
    yield mark("media2", True, alive, compared(True, alive), told)


def pictures(bench: Bench) -> Iterator[Mark]:
    """Stream and snapshot of the first profile: their addresses, and whether a picture comes."""
    profiles = bench.tried("media", "GetProfiles") if "media" in bench.endpoints else None
    listed = [] if profiles is None else tokens(profiles)
    if not listed:
        told = both("没有码流", "no profile is listed")
        for trial in ("stream_address", "snapshot", "snapshot_secret"):
            yield mark(trial, "-", "-", Verdict.UNDECIDED, told)
        return
    yield _stream(bench, listed[0])
    yield from _snapshot(bench, listed[0])


def _stream(bench: Bench, profile: str) -> Mark:
    session = bench.session
    try:
        answer = session.call(
            "media", "GetStreamUri", bench.endpoints["media"], StreamSetup=_STREAM_SETUP, ProfileToken=profile
        )
        uri = reading.raw_text(answer, "Uri")
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        return mark(
            "stream_address",
            True,
            "-",
            Verdict.LIES,
            both(f"问不到：{error.kind}", f"not told: {error.kind}"),
        )
    scheme, host = _scheme_and_host(uri)
    right = scheme == "rtsp" and host == session.device.host.lower()
    secret = both("，带有口令", ", with a password in it") if redact(uri) != uri else ""
    told = (
        both("RTSP 地址在登记的主机上", "RTSP on the enrolled host")
        if right
        else both("主机或协议不对", "other host or scheme")
    )
    return mark("stream_address", True, right, compared(True, right), told + secret)


def _snapshot(bench: Bench, profile: str) -> Iterator[Mark]:
    claimed = bench.claimed("media.SnapshotUri")
    answer = bench.tried("media", "GetSnapshotUri", named("media", "ProfileToken", profile))
    uri = child_text(answer, "MediaUri", "Uri")
    if not uri:
        told = both("不给抓拍地址", "no address for a snapshot")
        yield mark("snapshot", claimed, False, compared(claimed, False), told)
        yield mark("snapshot_secret", "-", "-", Verdict.NOT_OFFERED, told)
        return
    login, why = _fetched(bench, uri)
    strange = _scheme_and_host(uri)[1] != bench.session.device.host.lower()
    elsewhere = ("，地址指向另一台主机", ", its address names another host") if strange else ("", "")
    told = why or both(f"登录方式 {login}{elsewhere[0]}", f"log-in: {login}{elsewhere[1]}")
    yield mark(
        "snapshot", claimed, login if not why else False, compared(claimed is not False, not why), told
    )
    secret = redact(uri) != uri
    told = both("地址里有用户名和口令", "user name and password in it") if secret else both("没有", "none")
    yield mark("snapshot_secret", True, not secret, Verdict.LIES if secret else Verdict.HONEST, told)


def _fetched(bench: Bench, uri: str) -> tuple[str, str]:
    """(log-in that worked, "" or why no picture came)."""
    session, seen = bench.session, list[Exchange]()
    try:
        endpoint: Endpoint = http_endpoint(uri, session.device)
        with watching(seen.append):
            body = session.get(endpoint, cap_bytes=session.limits.picture_bytes).body
    except AddressRefused:
        return "-", both("地址无法使用", "the address cannot be used")
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        return "-", both(f"取不到：{error.kind}", f"it cannot be fetched: {error.kind}")
    login = seen[-1].login if seen else "none"
    return login, "" if body.startswith(_JPEG) else both("不是 JPEG", "it is no JPEG")


def refusal(bench: Bench) -> Iterator[Mark]:
    """How the make says that it does not have an operation."""
    opened = None
    try:
        opened = bench.ask("devicemgmt", _UNKNOWN)
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        does = "empty answer" if error.kind is DeviceTrouble.NOT_SUPPORTED else error.kind.value
    if opened is not None:
        does = "HTTP 200" if opened.fault is None else "/".join(opened.fault.codes) or "-"
    by_standard = (
        opened is not None and opened.fault is not None and "ActionNotSupported" in opened.fault.codes
    )
    known = opened is not None and opened.fault is not None and opened.fault.not_supported
    told = (
        both("标准写法", "as the standard says")
        if by_standard
        else both(
            "前哨认得这种写法" if known else "要按每项功能另行判断",
            "a shape the box knows" if known else "each function is judged by its answer",
        )
    )
    verdict = Verdict.HONEST if by_standard else Verdict.LIES
    yield mark("not_supported", "ActionNotSupported", does, verdict, told)


def upkeep(bench: Bench) -> Iterator[Mark]:
    """Backup and firmware over HTTP: claims against GetSystemUris. Nothing is uploaded."""
    claimed = bench.claimed("device.HttpSystemBackup")
    answer = bench.tried("devicemgmt", "GetSystemUris")
    done = bool(child_text(answer, "SystemBackupUri"))
    old = bench.claimed("device.SystemBackup")
    told = both(
        f"旧式备份声称 {_said(old)}；GetSystemUris {'给出' if done else '没有给出'}备份地址",
        f"old backup claims {_said(old)}; GetSystemUris gives {'an' if done else 'no'} address of a backup",
    )
    yield mark("backup", claimed, done, compared(claimed, done), told)
    http = bench.claimed("device.HttpFirmwareUpgrade")
    told = both("不上传就无法证实", "it cannot be proved without an upload")
    verdict = Verdict.UNDECIDED if http else Verdict.NOT_OFFERED
    yield mark("firmware", http, "-", verdict, told)


def _said(claim: bool | None) -> str:
    return "-" if claim is None else str(claim).lower()


def recording(bench: Bench) -> Iterator[Mark]:
    """Whether the recording and search services that are told of answer."""
    offered = [name for name in ("recording", "search") if name in bench.endpoints]
    if not offered:
        yield mark("recording", False, "-", Verdict.NOT_OFFERED, both("没有录像服务", "no such service"))
        return
    questions = {"recording": "GetRecordings", "search": "GetRecordingSummary"}
    answered = [name for name in offered if bench.tried(name, questions[name]) is not None]
    told = both(f"应答的有 {', '.join(answered) or '-'}", f"answering: {', '.join(answered) or '-'}")
    alive = len(answered) == len(offered)
    yield mark("recording", "+".join(offered), "+".join(answered), compared(True, alive), told)

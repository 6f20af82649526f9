"""What a village of devices costs the box: brought up, watched for a minute, climbed ten thousand times.

Ours and plain onvif-zeep run in one go against the same simulated cameras, each count of devices in a process
of its own; CPU seconds and the peak of resident memory are that process's own (getrusage). Bringing up, for
both: device, media, events, imaging and ptz services bound, then GetDeviceInformation, GetProfiles and
GetStreamUri. Ours finds media2 too; onvif-zeep has no WSDL of it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

COUNTS = (1, 10, 50)
STEADY = 64
STEADY_S = 90
ROUNDS = 10_000
NET = "127.78.0"

START = """
import json, resource, sys
def used(): u = resource.getrusage(resource.RUSAGE_SELF); return u.ru_utime + u.ru_stime, u.ru_maxrss / 1024
hosts = json.loads(sys.argv[1])
"""

OPEN = """
from agent.devices import OnvifRoom
from agent.model import Device, Secret
from protocol.words import DeviceClass
from runtime.logs import configure_logs
def device(number, host):
    return Device(id=f"d{number}", device_class=DeviceClass.SMART_CAMERA, host=host, port=8000,
                  username="admin", password=Secret("pw"))
imported_s, imported_mib = used()
room = OnvifRoom()
"""

_OURS = (
    START
    + OPEN
    + """
room.prepare()
from agent.devices.wsdl import shared_services
bound = {"imaging": "GetImagingSettings", "ptz": "GetPresets", "events": "GetEventProperties"}
for service, name in bound.items():
    shared_services().operation(service, name)
parsed_s, parsed_mib = used()
adapters = [room.open(device(number, host)) for number, host in enumerate(hosts)]
for adapter in adapters:
    assert adapter.climb().rung == "authenticated"
    adapter.stream_uri()
up_s, up_mib = used()
print(json.dumps({"import_s": imported_s, "parse_s": parsed_s - imported_s, "up_s": up_s - parsed_s,
                  "mib": up_mib}))
"""
)

_PLAIN = (
    START
    + """
import importlib.metadata, pathlib
from onvif import ONVIFCamera
wsdls = next(str(pathlib.Path(f.locate()).resolve().parent) for f in importlib.metadata.files("onvif-zeep")
             if f.name == "devicemgmt.wsdl")
imported_s, imported_mib = used()
cameras = []
for host in hosts:
    camera = ONVIFCamera(host, 8000, "admin", "pw", wsdls, no_cache=True)
    media = camera.create_media_service()
    camera.create_events_service(); camera.create_imaging_service(); camera.create_ptz_service()
    camera.devicemgmt.GetDeviceInformation(); profile = media.GetProfiles()[0]
    media.GetStreamUri({"StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
                        "ProfileToken": profile.token})
    cameras.append((camera, media))
up_s, up_mib = used()
print(json.dumps({"import_s": imported_s, "parse_s": 0.0, "up_s": up_s - imported_s, "mib": up_mib}))
"""
)

_STEADY = (
    START
    + OPEN
    + """
import threading, time
room.prepare()
devices = [device(number, host) for number, host in enumerate(hosts)]
adapters = [room.open(one) for one in devices]
points = [room.subscribe(one) for one in devices]
stop = threading.Event()
climbs, pulls, failures = [0], [0], []
def climb(mine):
    while not stop.is_set():
        for adapter in mine:
            evidence = adapter.climb()
            climbs[0] += 1
            if evidence.rung != "authenticated": failures.append(evidence.detail)
            if stop.wait(30 / len(mine)): return
def pull(point):
    while not stop.is_set():
        try: point.pull(); pulls[0] += 1
        except Exception as error: failures.append(str(error)); stop.wait(5)
threads = [threading.Thread(target=climb, args=(adapters[number::8],)) for number in range(8)]
threads += [threading.Thread(target=pull, args=(point,)) for point in points]
for thread in threads: thread.start()
time.sleep(35)
climbs[0], pulls[0], before, began = 0, 0, used()[0], time.monotonic()
time.sleep(float(sys.argv[2]))
told = {"cpu_s": used()[0] - before, "wall_s": time.monotonic() - began, "mib": used()[1],
        "climbs": climbs[0], "pulls": pulls[0], "failures": len(failures),
        "first": (failures or [""])[0][:200]}
stop.set()
for thread in threads: thread.join()
for each in (*points, *adapters): each.close()
print(json.dumps(told))
"""
)

_LEAK = (
    START
    + OPEN
    + """
import os
room.prepare()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
adapters = [room.open(device(number, host)) for number, host in enumerate(hosts)]
rounds, seen = int(sys.argv[2]), []
for number in range(rounds):
    adapter = adapters[number % len(adapters)]
    assert adapter.climb().rung == "authenticated"
    if number % 10 == 0:
        adapter.identity(); adapter.stream_uri()
        if number % 100 == 0:
            fresh = device(number % len(hosts), hosts[number % len(hosts)])
            point = room.subscribe(fresh); point.close()
    if number % (rounds // 10) == rounds // 10 - 1:
        seen.append(resident())
print(json.dumps({"resident_mib": seen, "files": len(os.listdir("/proc/self/fd"))}))
"""
)


def main() -> None:
    """Print the three tables."""
    hosts = [f"{NET}.{number + 10}" for number in range(STEADY)]
    with cameras(hosts):
        _bring_up(hosts)
        _steady(hosts)
        _leak(hosts[:8])


def _bring_up(hosts: Sequence[str]) -> None:
    print(f"{'devices':>8} {'':14} {'import s':>9} {'WSDLs s':>9} {'devices s':>10} {'peak MiB':>9}")
    first: dict[str, float] = {}
    for count in COUNTS:
        ours, plain = (run(script, hosts[:count]) for script in (_OURS, _PLAIN))
        for name, figures in (("ours", ours), ("onvif-zeep", plain)):
            print(
                f"{count:>8} {name:14} {figures['import_s']:>9.2f} {figures['parse_s']:>9.2f}"
                f" {figures['up_s']:>10.2f} {figures['mib']:>9.1f}"
            )
        first = first or ours
        cpu = (ours["parse_s"] + ours["up_s"]) / plain["up_s"]
        print(f"{'':8} {'ratio':14} CPU {cpu:.3f}, memory {ours['mib'] / plain['mib']:.3f}", flush=True)
    grown = ours["mib"] - first["mib"]
    print(
        f"ours, {COUNTS[-1]} devices: {ours['parse_s'] + ours['up_s']:.2f} CPU s with the WSDLs (target 1.0),"
        f" {grown:.1f} MiB above the first device's (target 15)"
    )


def _steady(hosts: Sequence[str]) -> None:
    told = run(_STEADY, hosts, str(STEADY_S))
    share = 100 * told["cpu_s"] / told["wall_s"]
    print(
        f"steady, {len(hosts)} devices, ladder every 30 s, pull points open: {share:.2f} % of one core"
        f" (target 3), {told['mib']:.0f} MiB; {told['climbs']:.0f} climbs, {told['pulls']:.0f} pulls,"
        f" {told['failures']:.0f} failures {told['first']} in {told['wall_s']:.0f} s",
        flush=True,
    )


def steady_script(*, tls: bool = False) -> str:
    """The steady state as a program: hosts and seconds are its arguments."""
    return _STEADY.replace('password=Secret("pw"))', 'password=Secret("pw"), tls=True)') if tls else _STEADY


def _leak(hosts: Sequence[str]) -> None:
    told = run(_LEAK, hosts, str(ROUNDS))
    resident = " ".join(f"{mib:.1f}" for mib in told["resident_mib"])
    print(f"{ROUNDS} climbs, resident MiB after each tenth: {resident}; {told['files']} files open")


@contextlib.contextmanager
def cameras(hosts: Sequence[str], more: str = "") -> Iterator[None]:
    """Simulated cameras at these addresses; ``more`` is added to each one's entry."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        command = [sys.executable, "-m", "simulator", "run", _county(Path(folder), hosts, more)]
        with subprocess.Popen(
            [*command, "--cache", f"{folder}/cache"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                json.loads(server.stdout.readline())
                yield
            finally:
                server.terminate()
                server.wait(20)


def _county(folder: Path, hosts: Sequence[str], more: str) -> str:
    rows = [
        f'[[device]]\nname = "cam-{n}"\nkind = "ptz_dome"\nip = "{host}"\nscene = "gate-day"\n'
        f'username = "admin"\npassword = "pw"\nauth = "wsse"\n{more}'
        for n, host in enumerate(hosts)
    ]
    path = folder / "county.toml"
    path.write_text("[control]\nport = 0\n" + "\n".join(rows), "utf-8")
    return str(path)


def run(script: str, hosts: Sequence[str], *more: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(list(hosts)), *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()

"""What 50 devices cost: brought up through our room, and through plain onvif-zeep, in one run.

Each subject runs in a process of its own against the same simulated cameras; CPU seconds and the peak of
resident memory are the process's own (getrusage). Bringing up means: identity and profiles read, stream
address asked, three calls each, as an installer's first look does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

DEVICES = 50
NET = "127.78.0"

_OURS = """
import json, resource, sys
from agent.devices import OnvifRoom
from agent.model import Device, Secret
from protocol.words import DeviceClass
room = OnvifRoom(); room.prepare()
def used(): u = resource.getrusage(resource.RUSAGE_SELF); return u.ru_utime + u.ru_stime, u.ru_maxrss / 1024
parsed_s, parsed_mib = used()
adapters = []
for number, host in enumerate(json.loads(sys.argv[1])):
    adapter = room.open(Device(id=f"d{number}", device_class=DeviceClass.SMART_CAMERA, host=host, port=8000,
                               username="admin", password=Secret("pw")))
    adapter.climb(); adapter.stream_uri(); adapters.append(adapter)
up_s, up_mib = used()
for _ in range(10):
    for adapter in adapters:
        adapter.climb()
climb_s = (used()[0] - up_s) / 10 / len(adapters)
print(json.dumps({"parse_s": parsed_s, "up_s": up_s - parsed_s, "mib": up_mib,
                  "grown_mib": up_mib - parsed_mib, "climb_ms": climb_s * 1000}))
"""

_PLAIN = """
import json, resource, sys
from onvif import ONVIFCamera
cameras = []
for host in json.loads(sys.argv[1]):
    camera = ONVIFCamera(host, 8000, "admin", "pw", no_cache=True)
    media = camera.create_media_service()
    camera.create_events_service(); camera.create_imaging_service(); camera.create_ptz_service()
    camera.devicemgmt.GetDeviceInformation(); profile = media.GetProfiles()[0]
    media.GetStreamUri({"StreamSetup": {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}},
                        "ProfileToken": profile.token})
    cameras.append((camera, media))
u = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"up_s": u.ru_utime + u.ru_stime, "mib": u.ru_maxrss / 1024}))
"""


def main() -> None:
    """Print ours, plain onvif-zeep, and the ratio."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        hosts = [f"{NET}.{number + 10}" for number in range(DEVICES)]
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "simulator",
                "run",
                _county(Path(folder), hosts),
                "--cache",
                f"{folder}/cache",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None
            json.loads(server.stdout.readline())
            ours = _run(_OURS, hosts)
            plain = _run(_PLAIN, hosts)
        finally:
            server.terminate()
            server.wait(20)
    print(f"ours: WSDLs once {ours['parse_s']:.2f} CPU s; {DEVICES} devices up {ours['up_s']:.2f} CPU s,"
          f" {ours['mib']:.0f} MiB peak ({ours['grown_mib']:.1f} above the parse);"
          f" a later climb {ours['climb_ms']:.1f} ms")  # fmt: skip
    print(f"plain onvif-zeep: {DEVICES} devices up {plain['up_s']:.2f} CPU s, {plain['mib']:.0f} MiB peak")
    cpu = (ours["parse_s"] + ours["up_s"]) / plain["up_s"]
    print(f"ratio: CPU {cpu:.3f}, memory {ours['mib'] / plain['mib']:.2f}")


def _county(folder: Path, hosts: list[str]) -> str:
    rows = [
        f'[[device]]\nname = "cam-{n}"\nkind = "ptz_dome"\nip = "{host}"\nscene = "gate-day"\n'
        'username = "admin"\npassword = "pw"\nauth = "wsse"\n'
        for n, host in enumerate(hosts)
    ]
    path = folder / "county.toml"
    path.write_text("[control]\nport = 0\n" + "\n".join(rows), "utf-8")
    return str(path)


def _run(script: str, hosts: list[str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(hosts)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()

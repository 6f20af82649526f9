"""What 64 simulated devices cost this machine: nobody looking, and every stream read in real time.

The readers are PyAV demuxers on threads of this process; the server is a process of its own, so its CPU
seconds (user and system, from /proc) are its alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av

DEVICES = 64
SECONDS = 20.0
NET = "127.77.0"
TARGET_RATIO = 0.5


def main() -> None:
    """Print two rows: idle and all read."""
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "simulator", "run", _county(Path(folder)), "--cache", f"{folder}/cache"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            urls = [device["rtsp"]["sub"] for device in ready["devices"].values()]
            _print("nobody looks", _ratio(server.pid, lambda: time.sleep(SECONDS)), None)
            lags: list[float] = []
            _print("all sub-streams read", _ratio(server.pid, lambda: lags.extend(_read_all(urls))), lags)
        finally:
            server.terminate()
            server.wait(20)


def _county(folder: Path) -> str:
    scenes = ("gate-day", "street-day")
    rows = [
        f'[[device]]\nname = "cam-{n}"\nkind = "camera"\nip = "{NET}.{n + 10}"\n'
        f'username = "u"\npassword = "p"\nauth = "none"\nscene = "{scenes[n % len(scenes)]}"\n'
        for n in range(DEVICES)
    ]
    path = folder / "county.toml"
    path.write_text("[control]\nport = 0\n" + "\n".join(rows), "utf-8")
    return str(path)


def _read_all(urls: list[str]) -> list[float]:
    """Seconds of video each reader got less than real time, one number a stream."""
    lags: list[float] = []
    lock = threading.Lock()

    def read(url: str) -> None:
        lag = _read_one(url)
        with lock:
            lags.append(lag)

    readers = [threading.Thread(target=read, args=(url,)) for url in urls]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return lags


def _read_one(url: str) -> float:
    options = {"rtsp_transport": "tcp", "analyzeduration": "500000", "probesize": "65536"}
    with av.open(url, options=options, timeout=(10, 10)) as container:
        stream = container.streams.video[0]
        first_s = began_s = None
        for packet in container.demux(stream):
            if packet.pts is None or stream.time_base is None:
                continue
            now_s = time.monotonic()
            media_s = float(packet.pts * stream.time_base)
            if first_s is None or began_s is None:
                first_s, began_s = media_s, now_s
            if now_s - began_s >= SECONDS:
                return (now_s - began_s) - (media_s - first_s)
    return SECONDS


def _ratio(pid: int, work: object) -> float:
    """CPU seconds the process used for each second while ``work`` ran."""
    assert callable(work)
    before_s, began_s = _cpu_s(pid), time.monotonic()
    work()
    return (_cpu_s(pid) - before_s) / (time.monotonic() - began_s)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(what: str, ratio: float, lags: list[float] | None) -> None:
    behind = ""
    if lags:
        behind = f", behind real time: median {statistics.median(lags):.2f} s, worst {max(lags):.2f} s"
    print(
        f"{what:<22} {ratio * 100:5.1f} % of a core (target {TARGET_RATIO * 100:.0f} %){behind}", flush=True
    )


if __name__ == "__main__":
    main()

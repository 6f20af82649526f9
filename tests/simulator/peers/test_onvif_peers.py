"""ONVIF clients that others wrote connect to the simulator, as they would to cameras in the field."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.virtual_county import JPEG, RunningCounty, entry, running

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]
HERE = Path(__file__).parent
PEERS = Path(os.environ.get("OUTPOST_PEERS", HERE.parents[2] / ".tools" / "peers"))
PASSWORD = "pass-word-1"
PATIENCE_S = 120
NODE_MAKES = ["plain", "hik-like", "axis-like", "reolink-like"]
# onvif-zeep-async echoes no reference parameters, so axis-like is not among these.
ZEEP_MAKES = ["plain", "hik-like", "dahua-like", "reolink-like", "tapo-like"]


def _need(*needed: Path) -> None:
    missing = [str(path) for path in needed if not path.exists()]
    if shutil.which("node") is None:
        missing.append("node")
    if not missing:
        return
    reason = f"peers are not installed (run tests/simulator/peers/install.sh): {', '.join(missing)}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """A dome of every make that the peers are shown."""
    makes = dict.fromkeys([*NODE_MAKES, *ZEEP_MAKES])
    domes = [entry(name, personality=name, kind="ptz_dome") for name in makes]
    recorder = entry("recorder", kind="nvr_channel", recordings=3)
    with running(*domes, entry("digest", kind="ptz_dome", auth="digest"), recorder) as started:
        yield started


def _seen(*command: object) -> dict[str, Any]:
    """The one JSON line a client prints."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "NODE_PATH": str(PEERS / "node" / "node_modules")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.mark.parametrize("name", [*NODE_MAKES, "digest"])
def test_npm_onvif_reads_moves_and_gets_events(county: RunningCounty, name: str) -> None:
    _need(PEERS / "node" / "node_modules" / "onvif")
    device = county.device(name)
    path = device.personality.paths.device
    script = HERE / "agsh_onvif.js"
    seen = _seen("node", script, device.ip, device.http_port, "admin", PASSWORD, path, "ptz")
    assert seen["information"]["model"] == device.identity.model
    assert seen["profiles"] == ["main", "sub"]
    assert seen["stream"] == device.stream_url("main")
    assert set(seen["presets"]) == {"gate", "road", "yard"}
    assert seen["moving"] == {"panTilt": "MOVING", "zoom": "MOVING"}
    assert seen["topic"] in {
        report.topic for report in (*device.personality.motion, *device.personality.scene_change)
    }
    assert county.call(device.events.live) == []


@pytest.mark.parametrize("name", NODE_MAKES)
def test_node_onvif_reads_moves_and_fetches_a_snapshot(county: RunningCounty, name: str) -> None:
    _need(PEERS / "node" / "node_modules" / "node-onvif")
    device = county.device(name)
    seen = _seen("node", HERE / "node_onvif.js", county.url(name), "admin", PASSWORD, "ptz")
    assert seen["information"]["SerialNumber"] == device.identity.serial
    assert seen["profiles"] == ["main", "sub"]
    assert seen["stream"] == device.stream_url("main")
    assert seen["snapshotBytes"] == len(JPEG + b"main")
    assert seen["moved"]


@pytest.mark.parametrize("name", ZEEP_MAKES)
def test_onvif_zeep_async_reads_and_gets_the_states(county: RunningCounty, name: str) -> None:
    python = PEERS / "zeep-async" / "bin" / "python"
    _need(python)
    device = county.device(name)
    script = HERE / "zeep_async_client.py"
    snapshot_auth = "basic" if device.personality.snapshot_basic else "digest"
    seen = _seen(
        python, "-W", "ignore", script, device.ip, device.http_port, "admin", PASSWORD, snapshot_auth
    )
    assert seen["information"] == {"model": device.identity.model, "serial": device.identity.serial}
    assert seen["profiles"] == ["main", "sub"]
    assert seen["mac"] == device.identity.mac
    assert seen["snapshot_bytes"] == len(JPEG + b"main")
    assert {report.topic for report in device.personality.motion} <= set(seen["topics"])
    assert seen["operations"] == ["Initialized"]


@pytest.mark.parametrize("script", ["agsh_onvif.js", "node_onvif.js"])
def test_a_wrong_password_is_told_as_such(county: RunningCounty, script: str) -> None:
    _need(PEERS / "node" / "node_modules" / "onvif")
    device = county.device("plain")
    address = (
        [county.url("plain"), "admin", "wrong"]
        if script == "node_onvif.js"
        else [device.ip, device.http_port, "admin", "wrong", device.personality.paths.device]
    )
    with pytest.raises(AssertionError, match=r"(?i)not authorized|unauthorized|401"):
        _seen("node", HERE / script, *address)


def test_npm_onvif_reads_a_recorder(county: RunningCounty) -> None:
    _need(PEERS / "node" / "node_modules" / "onvif")
    device = county.device("recorder")
    path = device.personality.paths.device
    seen = _seen("node", HERE / "agsh_recordings.js", device.ip, device.http_port, "admin", PASSWORD, path)
    assert seen["recordings"] == ["Recording_1", "Recording_2", "Recording_3"]
    assert seen["jobs"] == [f"Job_{token}" for token in seen["recordings"]]
    assert seen["summary"]["numberRecordings"] == 3

"""WSDLs are parsed once; loading this room changes nothing of the process around it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from lxml import etree

from agent.devices.wsdl import Misread, Services, shared_services, shipped_wsdls
from tests.support.hostile import ENVELOPE

REPOSITORY = Path(__file__).resolve().parents[3]


def in_a_new_process(code: str, tmp_path: Path, **env: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        cwd=REPOSITORY,
        env={**os.environ, "HOME": str(tmp_path), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_loading_the_room_leaves_environment_loggers_and_home_alone(tmp_path: Path) -> None:
    """onvif-zeep's import sets up the root logger, and its camera drops http_proxy."""
    told = in_a_new_process(
        """
        import json, logging, os, sys
        import agent.devices
        from agent.devices.wsdl import shared_services
        shared_services().prepare()
        print(json.dumps({
            "proxy": os.environ.get("http_proxy"),
            "handlers": len(logging.getLogger().handlers),
            "level": logging.getLogger().level,
            "onvif": "onvif" in sys.modules,
        }))
        """,
        tmp_path,
        http_proxy="http://127.0.0.1:1",
    )
    assert told == {"proxy": "http://127.0.0.1:1", "handlers": 0, "level": 30, "onvif": False}
    assert list(tmp_path.iterdir()) == []


def test_fifty_devices_cost_no_fifty_parses(tmp_path: Path) -> None:
    """Measured: one onvif-zeep client a camera is 18 MiB each; shared WSDLs are 0.1 MiB."""
    told = in_a_new_process(
        """
        import json, psutil
        from agent.devices import OnvifRoom
        from tests.agent.devices.builders import a_device
        room = OnvifRoom()
        room.prepare()
        before = psutil.Process().memory_info().rss
        held = [room.open(a_device(f"127.0.0.{n}", name=f"cam-{n}")) for n in range(1, 51)]
        print(json.dumps({"mib": (psutil.Process().memory_info().rss - before) / 2**20}))
        """,
        tmp_path,
    )
    mib = told["mib"]
    assert isinstance(mib, float)
    assert mib < 5


def test_a_wsdl_is_parsed_once() -> None:
    services = Services()
    services.prepare()
    first = dict(services._clients)
    services.operation("devicemgmt", "GetScopes")
    services.operation("media", "GetProfiles")
    assert services._clients == first
    assert len(first) == 2
    assert shared_services() is shared_services()


def test_an_unknown_operation_is_our_bug() -> None:
    with pytest.raises(KeyError, match="GetEverything"):
        shared_services().operation("devicemgmt", "GetEverything")


def test_an_odd_value_is_forgiven_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    answer = ENVELOPE.format(
        prolog="",
        body='<m:GetProfilesResponse xmlns:m="http://www.onvif.org/ver10/media/wsdl"><m:Profiles token="p">'
        "<tt:Name>main</tt:Name><tt:VideoEncoderConfiguration><tt:Resolution><tt:Width>1e999</tt:Width>"
        "</tt:Resolution></tt:VideoEncoderConfiguration></m:Profiles></m:GetProfilesResponse>",
    )
    root = etree.fromstring(answer.encode())
    told = shared_services().operation("media", "GetProfiles").response(root)
    assert isinstance(told, list)
    assert told[0].Name == "main"
    assert caplog.records == []


def test_an_answer_that_fits_no_schema_is_misread() -> None:
    with pytest.raises(Misread):
        shared_services().operation("devicemgmt", "GetScopes").response(etree.fromstring("<rss/>"))


def test_the_wsdls_are_found_where_another_python_s_wheel_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv keeps a wheel built by 3.13 and installs it into an environment of 3.11: lib/python3.13/…/wsdl."""
    site = tmp_path / "lib/python3.11/site-packages"
    record = site / "onvif_zeep-0.2.12.dist-info"
    record.mkdir(parents=True)
    elsewhere = tmp_path / "lib/python3.13/site-packages/wsdl"
    elsewhere.mkdir(parents=True)
    (elsewhere / "devicemgmt.wsdl").write_text("<definitions/>")
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: onvif-zeep\nVersion: 0.2.12\n")
    (record / "RECORD").write_text("../../python3.13/site-packages/wsdl/devicemgmt.wsdl,,\n")
    monkeypatch.syspath_prepend(str(site))
    assert shipped_wsdls() == elsewhere.resolve()


def test_an_installation_without_wsdls_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "onvif_zeep-0.2.12.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: onvif-zeep\nVersion: 0.2.12\n")
    (record / "RECORD").write_text("wsdl/devicemgmt.wsdl,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RuntimeError, match="--reinstall"):
        shipped_wsdls()


def test_an_answer_with_names_nobody_knows_leaves_nothing_for_the_collector() -> None:
    """zeep keeps each failed search in a ring with the tree of the answer."""
    body = (
        "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Extension><tt:OfSomeMake/></tt:Extension>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )
    operation = shared_services().operation("devicemgmt", "GetCapabilities")
    text = ENVELOPE.format(prolog="", body=body).encode()
    operation.response(etree.fromstring(text))
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            operation.response(etree.fromstring(text))
        assert gc.collect() == 0
    finally:
        gc.enable()

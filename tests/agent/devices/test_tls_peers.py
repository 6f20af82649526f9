"""TLS with what others wrote: openssl's server behind our client, curl and openssl before the simulator."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.limits import Deadline
from agent.devices.pins import Pins, certificate_of
from agent.devices.tls import securely
from agent.devices.tls_sentences import colons
from agent.devices.transport import Transport
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import Rung
from tests.agent.devices.builders import PASSWORD
from tests.agent.devices.test_ladder import ledger_row
from tests.agent.devices.test_tls import TLS_LIMITS, secure
from tests.support.processes import find_program, free_port, wait_until
from tests.support.virtual_county import JPEG

SERVERS = {
    "TLSv1.3": ("rsa:2048", "sha256", ()),
    "elliptic": ("ec", "sha256", ("-tls1_2",)),
    "AES128-SHA": ("rsa:1024", "sha1", ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")),
    "ECDHE-RSA-AES256-SHA": (
        "rsa:1024",
        "sha1",
        ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA:@SECLEVEL=0", "-sigalgs", "RSA+SHA1"),
    ),
}
"""Key, signature and options of servers; the last two are cameras of before 2015."""


def keyed(folder: Path, key: str, digest: str) -> Path:
    """A self-signed certificate of 1 day, with its key in the same file."""
    made = folder / "server.pem"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256") if key == "ec" else ("-newkey", key)
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=wrong.name", f"-{digest}"]
    command += [*kind, "-keyout", str(made), "-out", str(folder / "only.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made.write_bytes(made.read_bytes() + (folder / "only.pem").read_bytes())
    return made


@contextlib.contextmanager
def served(pem: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """``openssl s_server`` on a free port, stopped at the end."""
    port = free_port()
    command = [find_program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem)]
    with subprocess.Popen(
        [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        assert server.stdout is not None
        while b"ACCEPT" not in server.stdout.readline():
            assert server.poll() is None
        try:
            yield port, server
        finally:
            server.kill()


def transport(pins: Pins) -> Transport:
    return Transport("cam", limits=TLS_LIMITS, dial=securely("cam", pins, limits=TLS_LIMITS))


@pytest.mark.parametrize("server", SERVERS)
def test_openssls_server_is_spoken_to_and_pinned(server: str, tmp_path: Path) -> None:
    key, digest, options = SERVERS[server]
    pem = keyed(tmp_path, key, digest)
    pins = Pins()
    with served(pem, "-www", *options) as (port, _), contextlib.closing(transport(pins)) as line:
        answer = line.exchange("GET", Endpoint("127.0.0.1", port, "/", tls=True))
    assert answer.status == 200
    if server != "elliptic":
        assert server.encode() in answer.body
    told = subprocess.run(
        ["openssl", "x509", "-in", str(pem), "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    pinned = pins.pinned("cam")
    assert pinned is not None
    assert told.stdout.strip().endswith(colons(pinned.sha256))


def test_openssls_server_with_another_certificate_is_refused(tmp_path: Path) -> None:
    pins = Pins()
    pins.pin("cam", certificate_of(b"another"))
    line = transport(pins)
    with served(keyed(tmp_path, "ec", "sha256"), "-www") as (port, _), pytest.raises(DeviceError) as told:
        line.exchange("GET", Endpoint("127.0.0.1", port, "/", tls=True))
    assert told.value.kind is DeviceTrouble.CERTIFICATE_CHANGED


def test_a_renegotiation_is_not_taken_part_in(tmp_path: Path) -> None:
    """A second handshake in the middle could show another certificate: the connection ends instead."""
    with served(keyed(tmp_path, "ec", "sha256"), "-tls1_2") as (port, server):
        assert server.stdin is not None and server.stdout is not None
        dial = securely("cam", Pins(), limits=TLS_LIMITS)
        with dial(Endpoint("127.0.0.1", port, "/", tls=True), Deadline(5), 1.0) as sock:
            sock.sendall(b"shaken\n")
            while b"shaken" not in server.stdout.readline():
                assert server.poll() is None
            server.stdin.write(b"R\n")
            server.stdin.flush()
            sock.begin(Deadline(5), most_bytes=100_000)
            with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                sock.recv_into(bytearray(100))


def test_curl_logs_in_to_a_simulated_device_over_https() -> None:
    with secure(auth="digest") as county:
        url = county.url(path=county.device().personality.paths.snapshot.format(token="main"))
        command = [find_program("curl"), "--silent", "--show-error", "--insecure", "--digest"]
        got = subprocess.run(
            [*command, "--user", f"admin:{PASSWORD}", url], capture_output=True, check=False, timeout=30
        )
        assert url.startswith("https://")
        assert (got.returncode, got.stdout) == (0, JPEG + b"main"), got.stderr
        refused = subprocess.run([*command, url.replace("https", "http", 1)], check=False, timeout=30)
        assert refused.returncode != 0, "the port does not speak plain text as well"


def test_openssl_sees_the_certificate_we_pinned_and_the_one_of_1970_expired() -> None:
    with secure() as county:
        device = ledger_row(county)
        room = OnvifRoom(limits=TLS_LIMITS)
        with contextlib.closing(room.open(device)) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
        pinned = room.trust(device).pinned()
        assert pinned is not None
        assert colons(pinned.sha256) in seen_by_openssl(device.host, device.port)
        county.switch(certificate="expired")
        wait_until(
            lambda: re.search(r"notAfter=Jan  1 00:00:00 1971", seen_by_openssl(device.host, device.port)),
            within_s=5,
            what="the expired certificate",
        )


def seen_by_openssl(host: str, port: int) -> str:
    """What openssl says of the certificate shown there."""
    openssl = find_program("openssl")
    shown = subprocess.run(
        [openssl, "s_client", "-connect", f"{host}:{port}"],
        input=b"",
        capture_output=True,
        check=False,
        timeout=30,
    )
    told = subprocess.run(
        [openssl, "x509", "-noout", "-fingerprint", "-sha256", "-dates"],
        input=shown.stdout,
        capture_output=True,
        check=False,
        timeout=30,
    )
    return told.stdout.decode()

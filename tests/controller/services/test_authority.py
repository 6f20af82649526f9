"""The county's CA: names that cannot widen an ACL, keys that are never overwritten, mutual TLS that works."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import pytest

from controller.services.authority import AuthorityError, create_authority, issue_certificate
from runtime.backoff import Backoff
from runtime.link import Link, LinkSettings
from tests.support.broker import Broker
from tests.support.processes import free_port

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_authority(tmp_path, name="Tongguan County CA", now=NOW)
    return tmp_path


@pytest.mark.parametrize("name", ["", "#", "+", "box/../other", "Box", "box.1", "$SYS", "a" * 41])
def test_a_name_that_could_widen_an_acl_pattern_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(AuthorityError, match="does not match"):
        issue_certificate(folder, name=name, now=NOW)


def test_a_private_key_is_private_and_never_overwritten(folder: Path) -> None:
    issue_certificate(folder, name="box-1", now=NOW)
    key = folder / "box-1.key"
    before = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(AuthorityError, match="not overwritten"):
        issue_certificate(folder, name="box-1", now=NOW)
    assert key.read_bytes() == before


def test_without_an_authority_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="authority init"):
        issue_certificate(tmp_path, name="box-1", now=NOW)


def test_box_and_broker_know_each_other_by_certificate(folder: Path) -> None:
    issue_certificate(folder, name="broker", now=NOW, servers=("127.0.0.1", "localhost"))
    issue_certificate(folder, name="box-1", now=NOW)
    (folder / "acl").write_text("pattern write op/v1/%u/up/#\npattern read op/v1/%u/dn/#\n")
    (folder / "acl").chmod(0o600)
    port = free_port()
    broker = Broker(
        folder / "broker",
        extra="\n".join(
            [
                f"acl_file {folder / 'acl'}",
                f"listener {port} 127.0.0.1",
                f"cafile {folder / 'ca.crt'}",
                f"certfile {folder / 'broker.crt'}",
                f"keyfile {folder / 'broker.key'}",
                "require_certificate true",
                "use_identity_as_username true",
                "use_username_as_clientid true",
            ]
        ),
    )
    broker.start()
    settings = LinkSettings(
        host="127.0.0.1",
        port=port,
        ca_file=folder / "ca.crt",
        cert_file=folder / "box-1.crt",
        key_file=folder / "box-1.key",
    )
    link = Link(settings, client_id="box-1", backoff=Backoff(base_s=0.05, ceiling_s=0.2))
    link.start()
    try:
        assert link.wait_connected(5)
        assert link.publish("op/v1/box-1/up/log", b"x").wait(5)
        assert not link.publish("op/v1/box-2/up/log", b"x").wait(5)
    finally:
        link.stop()
        broker.stop()


def test_a_certificate_of_another_authority_is_not_believed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_authority(other, name="Somebody Else", now=NOW)
    issue_certificate(other, name="broker", now=NOW, servers=("127.0.0.1",))
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(other / "broker.crt", other / "broker.key")
    client_side = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    server = server_side.wrap_bio(outgoing, incoming, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        client.do_handshake()

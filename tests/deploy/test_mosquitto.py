"""The shipped broker rules on a real mosquitto: a box is itself, and nobody else."""

from __future__ import annotations

import datetime as dt
import queue
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from controller.services.authority import create_authority, issue_certificate
from deploy.demo import layout
from tests.support.processes import Process, find_program, free_port, listening, wait_until


@dataclass
class Broker:
    """A broker with the shipped file, and the county's certificates."""

    folders: layout.Folders
    port: int
    keys: Path

    def context(self, name: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folders.authority / "ca.crt"))
        if name is not None:
            pair = self.keys / name
            context.load_cert_chain(pair.with_suffix(".crt"), pair.with_suffix(".key"))
        return context


@dataclass
class Peer:
    """One client; what happens to it is put into ``events``."""

    broker: Broker
    certificate: str | None
    client_id: str
    events: queue.Queue[tuple[str, Any]] = field(default_factory=queue.Queue)

    def __enter__(self) -> Peer:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self.client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        client.tls_set_context(self.broker.context(self.certificate))
        client.on_connect = lambda _c, _u, _f, reason, _p: self.events.put(("connected", str(reason)))
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self.events.put(("gone", str(reason)))
        client.on_publish = lambda _c, _u, _mid, reason, _p: self.events.put(("published", str(reason)))
        client.on_message = lambda _c, _u, message: self.events.put(("message", message.topic))
        client.on_subscribe = lambda *_: self.events.put(("subscribed", None))
        self.client = client
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def next(self) -> tuple[str, Any]:
        return self.events.get(timeout=5)

    def publish(self, topic: str, payload: bytes = b"x") -> str:
        """Publish with QoS 1; the broker's answer."""
        self.client.publish(topic, payload, qos=1)
        kind, said = self.next()
        return said if kind == "published" else kind


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folders = layout.folders_of(tmp_path_factory.mktemp("broker") / "demo")
    layout.claim(folders).release()
    now = dt.datetime.now(dt.UTC)
    create_authority(folders.authority, name="county", now=now)
    issue_certificate(folders.authority, name="broker", now=now, servers=("127.0.0.1",))
    for name in ("centre", "b1", "b2"):
        issue_certificate(folders.authority, name=name, now=now)
    port = free_port()
    config = layout.write_broker_config(folders, port=port)
    process = Process([find_program("mosquitto"), "-c", str(config)], log=folders.logs / "broker.log")
    wait_until(lambda: listening("127.0.0.1", port) or not process.running, within_s=10, what="it listens")
    assert process.running, process.tail()
    yield Broker(folders, port, folders.authority)
    process.stop()


def test_a_box_writes_its_own_part_and_the_centre_hears_it(broker: Broker) -> None:
    with Peer(broker, "centre", "centre") as centre, Peer(broker, "b1", "b1") as box:
        assert centre.next() == ("connected", "Success")
        assert box.next() == ("connected", "Success")
        centre.client.subscribe("op/v1/+/up/log", qos=1)
        assert centre.next()[0] == "subscribed"
        assert box.publish("op/v1/b1/up/log") == "Success"
        assert centre.next() == ("message", "op/v1/b1/up/log")


@pytest.mark.parametrize("topic", ["op/v1/b2/up/log", "op/v1/b1/dn/cmd", "op/v1/b2/dn/cmd", "elsewhere"])
def test_a_box_writes_nowhere_else(broker: Broker, topic: str) -> None:
    with Peer(broker, "b1", "b1") as box:
        assert box.next() == ("connected", "Success")
        assert box.publish(topic) == "Not authorized"


def test_a_box_hears_only_what_is_for_it_whatever_it_subscribes_to(broker: Broker) -> None:
    with Peer(broker, "centre", "centre") as centre, Peer(broker, "b2", "b2") as box:
        assert centre.next()[0] == box.next()[0] == "connected"
        box.client.subscribe("#", qos=1)
        assert box.next()[0] == "subscribed"
        assert centre.publish("op/v1/b1/dn/cmd") in ("Success", "No matching subscribers")
        assert centre.publish("op/v1/b2/dn/cmd") == "Success"
        assert box.next() == ("message", "op/v1/b2/dn/cmd")


def test_a_box_cannot_take_over_the_session_of_another(broker: Broker) -> None:
    with Peer(broker, "b2", "b2") as victim:
        assert victim.next() == ("connected", "Success")
        with Peer(broker, "b1", "b2") as thief:
            assert thief.next()[0] == "connected"
            assert thief.publish("op/v1/b2/up/log") == "Not authorized"
        assert victim.publish("op/v1/b2/up/log") in ("Success", "No matching subscribers")


def test_without_a_certificate_nobody_comes_in(broker: Broker) -> None:
    with Peer(broker, None, "b1") as stranger:
        assert stranger.next()[0] == "gone"


def test_another_authoritys_certificate_is_refused(broker: Broker, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    create_authority(tmp_path, name="county", now=now)
    issue_certificate(tmp_path, name="b1", now=now)
    with Peer(replace(broker, keys=tmp_path), "b1", "b1") as forger:
        assert forger.next()[0] == "gone"


def test_old_tls_is_refused(broker: Broker) -> None:
    context = broker.context("b1")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=5) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_packet_above_the_bound_ends_the_connection_of_its_sender(broker: Broker) -> None:
    with Peer(broker, "b1", "b1") as box:
        assert box.next() == ("connected", "Success")
        assert box.publish("op/v1/b1/up/log", bytes(300_000)) == "gone"

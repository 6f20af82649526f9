"""The way to the broker: MQTT 5 on paho, one connection at a time, honest about what was acknowledged.

Laws. Each connection has its own paho client, so nothing of an older one (its will, its in-flight
window, its acknowledgements) leaks into the next. Incoming messages are acknowledged by the receiver,
after it has done what they ask. The inbox is bounded: when it is full the socket is no longer read
(receive_maximum is not usable as back-pressure on Debian 12's mosquitto 2.0.11: it releases a whole
window with every PUBACK). Library callbacks only hand over, and never raise: an exception in a paho
callback kills its thread while is_connected() still says True.
"""

from __future__ import annotations

import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from runtime.backoff import Backoff
from runtime.metrics import LINK_BYTES, LINK_CONNECT_FAILURES, LINK_CONNECTED, LINK_CONNECTS, LINK_REFUSED

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
OUTGOING_LIMIT = 1000
"""Publishes waiting in paho at most; what does not fit is refused at once, the outbox keeps it."""


PROTOCOL_ERROR = "Protocol error"


class LinkDown(Exception):
    """There is no connection, or it ended before the broker answered."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Where the broker is and who we are.

    Files are read at every connect, so that a renewed certificate counts.
    """

    host: str
    port: int
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = 10
    """A half-open line is noticed after about 1.7 times this (measured: 10 s → 17 s)."""
    session_expiry_s: int = 0
    """How long the broker keeps our subscriptions and queue; an optimisation only."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when the connection breaks."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """One message received. It stays the broker's until ``acknowledge``."""

    topic: str
    payload: bytes
    retained: bool
    _ack: Callable[[], None] = field(repr=False, default=lambda: None)

    def acknowledge(self) -> None:
        """Tell the broker it was dealt with; without effect when its connection is gone."""
        self._ack()


class Receipt:
    """What became of one publish."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self.refusal: str | None = None
        """Why it did not reach the broker; None while pending and when it did."""

    def wait(self, timeout_s: float) -> bool:
        """Whether the broker answered Success in time. Success is not storage: see the log protocol."""
        return self._done.wait(timeout_s) and self.refusal is None

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def settle(self, refusal: str | None = None) -> None:
        """Called once by the link."""
        self.refusal = refusal
        self._done.set()


class Link:
    """Keeps one MQTT 5 connection up.

    ``filters`` are subscribed anew at every connection. ``will`` is asked for at every connection, so
    it can carry the session's number. ``on_connected`` runs on the link's thread after SUBACK was asked
    for; it may publish, and must be quick.
    """

    def __init__(
        self,
        settings: LinkSettings,
        *,
        client_id: str,
        filters: Sequence[tuple[str, int]] = (),
        inbox_limit: int = 1000,
        will: Callable[[], Will] | None = None,
        on_connected: Callable[[], None] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._filters = tuple(filters)
        self._will = will
        self._on_connected = on_connected
        self._backoff = backoff or Backoff(base_s=0.5, ceiling_s=30.0)
        self._inbox: queue.Queue[Message] = queue.Queue(maxsize=inbox_limit)
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.RLock()
        # paho calls on_publish while it holds the lock its publish() takes: what on_publish needs has a
        # lock of its own, under which paho is never called
        self._receipts = threading.Lock()
        self._client: mqtt.Client | None = None
        self._pending: dict[int, Receipt] = {}
        self._early: dict[int, str | None] = {}
        self._packet_limit: int | None = None
        self._end_reason = ""
        self._thread = threading.Thread(target=self._run, name=f"link-{client_id}", daemon=True)

    # --- the outside ---------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def alive(self) -> bool:
        """Whether the link's thread runs (it must, until ``stop``)."""
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def wait_connected(self, timeout_s: float) -> bool:
        return self._up.wait(timeout_s)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Disconnect cleanly (the broker then drops the will) and end the thread."""
        self._stopping.set()
        with self._lock:
            client = self._client
        if client is not None:
            client.disconnect()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, or None when none came within ``timeout_s``."""
        try:
            return self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> Receipt:
        """Hand a message to the connection. Raises LinkDown when there is none."""
        receipt = Receipt()
        with self._lock:
            client = self._client
            if client is None or not self._up.is_set():
                raise LinkDown(f"no connection to {self._settings.host}:{self._settings.port}")
            if self._packet_limit is not None and len(payload) + len(topic) + 16 > self._packet_limit:
                receipt.settle(f"oversize: {len(payload)} bytes, broker takes {self._packet_limit}")
                return receipt
            handed = client.publish(topic, payload, qos=qos, retain=retain)
            if handed.rc not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_QUEUE_SIZE):
                raise LinkDown(mqtt.error_string(handed.rc))
            if handed.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
                receipt.settle("outgoing queue full")
                return receipt
            LINK_BYTES.labels(direction="out").inc(len(payload))
            if qos == 0:
                receipt.settle()
                return receipt
            with self._receipts:
                if handed.mid in self._early:
                    receipt.settle(self._early.pop(handed.mid))
                else:
                    self._pending[handed.mid] = receipt
        return receipt

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._one_connection()
            except (OSError, ValueError, ssl.SSLError) as error:
                self._could_not_connect(error)
            except Exception:
                log.exception("link=%s met a bug", self._client_id)
            if not self._stopping.is_set():
                self._stopping.wait(self._backoff.next_s())

    def _could_not_connect(self, error: Exception) -> None:
        LINK_CONNECT_FAILURES.inc()
        if self._backoff.failures == 0:
            log.warning(
                "link=%s cannot reach the broker at %s:%d, will keep trying: %s",
                self._client_id,
                self._settings.host,
                self._settings.port,
                error,
            )

    def _one_connection(self) -> None:
        self._ended.clear()
        client = self._new_client()
        client.connect(
            self._settings.host,
            self._settings.port,
            keepalive=self._settings.keepalive_s,
            clean_start=self._settings.session_expiry_s == 0,
            properties=self._connect_properties(),
        )
        connection = client.socket()
        if isinstance(connection, socket.socket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._client = client
        with self._receipts:
            self._early.clear()
        try:
            client.loop_start()
            self._until_it_ends(client)
        finally:
            client.loop_stop()
            self._connection_ended(client)

    def _until_it_ends(self, client: mqtt.Client) -> None:
        """Return when the connection is over: by the broker, the line, ``stop``, or a dead paho thread."""
        began_s = time.monotonic()
        while not self._ended.wait(0.2):
            # paho's loop ends silently when anything raises in it; is_connected() then still says True.
            if client._thread is None or not client._thread.is_alive():
                return
            if self._stopping.is_set():
                client.disconnect()
            elif not self._up.is_set() and time.monotonic() - began_s > 2 * CONNECT_TIMEOUT_S:
                log.warning("link=%s got no CONNACK within %.0f s", self._client_id, 2 * CONNECT_TIMEOUT_S)
                client.disconnect()
                return

    def _connection_ended(self, client: mqtt.Client) -> None:
        was_up = self._up.is_set()
        with self._lock:
            self._up.clear()
            self._client = None
        with self._receipts:
            pending, self._pending = self._pending, {}
            self._early.clear()
        LINK_CONNECTED.set(0)
        # A broker that ends the connection because of a message means the oldest one still open.
        for receipt in pending.values():
            receipt.settle(self._end_reason or "connection ended")
            self._end_reason = ""
        self._end_reason = ""
        connection = client.socket()
        if connection is not None:
            connection.close()
        if was_up and not self._stopping.is_set():
            log.warning("link=%s lost the broker, reconnecting", self._client_id)

    def _new_client(self) -> mqtt.Client:
        settings = self._settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(OUTGOING_LIMIT)
        client.max_inflight_messages_set(100)
        if settings.username is not None:
            password = settings.password_file.read_text().strip() if settings.password_file else None
            client.username_pw_set(settings.username, password)
        if settings.ca_file is not None:
            client.tls_set_context(_tls_context(settings))
        if self._will is not None:
            will = self._will()
            client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._settings.session_expiry_s
        return properties

    # --- callbacks: hand over, never raise ------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _userdata: Any, _flags: Any, reason: Any, properties: Properties | None
    ) -> None:
        try:
            if reason.is_failure:
                LINK_CONNECT_FAILURES.inc()
                log.error("link=%s refused by the broker: %s", self._client_id, reason)
                return
            if self._filters:
                client.subscribe([(text, SubscribeOptions(qos=qos)) for text, qos in self._filters])
            with self._lock:
                self._packet_limit = getattr(properties, "MaximumPacketSize", None)
                self._up.set()
            LINK_CONNECTED.set(1)
            LINK_CONNECTS.inc()
            log.info(
                "link=%s connected to %s:%d after %d failures",
                self._client_id,
                self._settings.host,
                self._settings.port,
                self._backoff.reset(),
            )
            if self._on_connected is not None:
                self._on_connected()
        except Exception:
            log.exception("link=%s failed in its connect callback", self._client_id)

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, flags: Any, reason: Any, _p: Any) -> None:
        # paho calls mosquitto 2.0.11's way of refusing an oversized message a protocol error
        if getattr(flags, "is_disconnect_packet_from_server", False) or str(reason) == PROTOCOL_ERROR:
            self._end_reason = str(reason)
        self._ended.set()

    def _on_message(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            LINK_BYTES.labels(direction="in").inc(len(message.payload))
            mid, qos = message.mid, message.qos
            handed = Message(
                message.topic, bytes(message.payload), message.retain, lambda: self._ack(client, mid, qos)
            )
        except UnicodeDecodeError:
            log.warning("link=%s dropped a message whose topic is not UTF-8", self._client_id)
            self._ack(client, message.mid, message.qos)
            return
        while not self._stopping.is_set():
            try:
                self._inbox.put(handed, timeout=0.5)
                return
            except queue.Full:
                continue

    def _ack(self, client: mqtt.Client, mid: int, qos: int) -> None:
        if qos > 0 and self._client is client:
            client.ack(mid, qos)

    def _on_publish(
        self, _client: mqtt.Client, _userdata: Any, mid: int, reason: Any, _properties: Any
    ) -> None:
        refusal = str(reason) if getattr(reason, "is_failure", False) else None
        if refusal is not None:
            LINK_REFUSED.inc()
        with self._receipts:
            receipt = self._pending.pop(mid, None)
            if receipt is None:
                if len(self._early) < OUTGOING_LIMIT:
                    self._early[mid] = refusal
                return
        receipt.settle(refusal)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: Sequence[Any], _properties: Any
    ) -> None:
        for (text, _), reason in zip(self._filters, reasons, strict=False):
            if reason.is_failure:
                log.error("link=%s may not subscribe to %s: %s", self._client_id, text, reason)


def _tls_context(settings: LinkSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(settings.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None and settings.key_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context

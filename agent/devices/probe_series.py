"""A gentle series of probes to one endpoint: some echoes or OPTIONS, evenly spaced, each timed.

Law: at most ``count`` datagrams leave in one series, none is repeated, and it ends by the last probe's wait.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace

from agent.devices import sip_message
from agent.devices.address import bracketed
from agent.devices.icmp import Pinger
from agent.devices.limits import Deadline
from agent.devices.sip import connected
from agent.devices.sip_message import Dialogue, new_call_id, target_of

_STRANGERS = 64

Send = Callable[[int], None]
Receive = Callable[[Deadline], int | None]


def by_ping(host: str, *, count: int, gap_s: float, wait_s: float) -> list[float | None]:
    """Round trips in seconds, None for a lost one. Raises icmp.NotPermitted, OSError."""
    with Pinger(host) as pinger:
        return _series(pinger.send, pinger.receive, count=count, gap_s=gap_s, wait_s=wait_s)


def by_options(
    host: str, port: int, *, user: str, count: int, gap_s: float, wait_s: float
) -> list[float | None]:
    """As ``by_ping``, with an OPTIONS for each probe; any final answer to it counts. Raises OSError."""
    with connected(host, port) as sock:
        local = sock.getsockname()
        asked = Dialogue(
            "OPTIONS",
            target_of(user, host, port),
            f"{bracketed(local[0])}:{local[1]}",
            call_id=new_call_id(),
        )

        def send(number: int) -> None:
            sock.send(sip_message.request(replace(asked, number=number)))

        def receive(deadline: Deadline) -> int | None:
            return _answered(sock, asked, deadline)

        return _series(send, receive, count=count, gap_s=gap_s, wait_s=wait_s)


def _series(send: Send, receive: Receive, *, count: int, gap_s: float, wait_s: float) -> list[float | None]:
    sent: dict[int, float] = {}
    trips: dict[int, float] = {}
    for number in range(1, count + 1):
        sent[number] = time.monotonic()
        send(number)
        _collect(receive, sent, trips, Deadline(gap_s), count)
    _collect(receive, sent, trips, Deadline(wait_s), count)
    return [trips.get(number) for number in range(1, count + 1)]


def _collect(
    receive: Receive, sent: dict[int, float], trips: dict[int, float], deadline: Deadline, count: int
) -> None:
    """Take answers until the deadline, or until all are there."""
    while len(trips) < count:
        number = receive(deadline)
        if number is None:
            return
        if number in sent and number not in trips:
            trips[number] = time.monotonic() - sent[number]


def _answered(sock: socket.socket, asked: Dialogue, deadline: Deadline) -> int | None:
    """The number of the probe that the next answer belongs to; None when none came. Raises OSError."""
    for _ in range(_STRANGERS):
        try:
            sock.settimeout(deadline.remaining_s())
            message = sock.recv(sip_message.MESSAGE_BYTES)
        except TimeoutError:
            return None
        number = sip_message.answered_number(message, asked)
        if number is not None:
            return number
    return None

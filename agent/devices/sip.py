"""How one SIP question reaches its peer: over UDP with repetitions, or over TCP; no call is ever set up.

Law: a question ends within its deadline with a final answer, TimeoutError or OSError; over UDP it is repeated
as RFC 3261 17.1.2 says (T1 0.5 s), and what is not the answer to it is passed over.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.devices import sip_message
from agent.devices.address import bracketed
from agent.devices.limits import Deadline
from agent.devices.sip_message import Dialogue, SipAnswer, new_call_id, target_of
from agent.devices.transport import DeadlineSocket, connect
from agent.devices.witness import telling_of

_T1_S = 0.5
_HEAD_BYTES = 16_384
_STREAM_BYTES = 262_144
"""All a peer may say before it answers."""
_AT_ONCE, _AGENT_S = 256, 1.0
_STRANGERS = 64
"""Datagrams passed over within one wait: a flood must not keep the box busy until the deadline."""

Login = Callable[[SipAnswer, Dialogue], tuple[str, str] | None]
"""What answers a 401 or 407: name and value of a header, None to leave it at that."""


def options(host: str, port: int, *, seconds: float, user: str = "") -> SipAnswer:
    """Ask OPTIONS over UDP. Raises TimeoutError on silence, OSError when host or port is not there."""
    target = target_of(user, host, port)
    return ask_by_udp(host, port, Dialogue("OPTIONS", target, ""), seconds=seconds)


def agents_of(hosts: Sequence[str], *, port: int) -> Mapping[str, str]:
    """Who of the hosts answers SIP, and what each calls itself ("" when it does not): OPTIONS over UDP, one
    datagram a host and no repetition. A second for each 256 hosts that are silent."""
    found: dict[str, str] = {}
    for number in range(0, len(hosts), _AT_ONCE):
        found |= _answering(hosts[number : number + _AT_ONCE], port)
    return found


def _answering(hosts: Sequence[str], port: int) -> dict[str, str]:
    found: dict[str, str] = {}
    deadline = Deadline(_AGENT_S)
    with contextlib.ExitStack() as opened, selectors.DefaultSelector() as selector:
        for host in hosts:
            with contextlib.suppress(OSError):
                sock = opened.enter_context(connected(host, port))
                sock.setblocking(False)
                asked = Dialogue("OPTIONS", target_of("", host, port), _local(sock), call_id=new_call_id())
                sock.send(sip_message.request(asked))
                selector.register(sock, selectors.EVENT_READ, (host, asked))
        with contextlib.suppress(TimeoutError):
            while selector.get_map():
                for key, _events in selector.select(deadline.remaining_s()):
                    sock = key.fileobj  # type: ignore[assignment]
                    host, asked = key.data
                    try:
                        answer = sip_message.answer(sock.recv(sip_message.MESSAGE_BYTES), asked)
                    except OSError:
                        selector.unregister(sock)
                        continue
                    if answer is not None:
                        found[host] = answer.agent
                        selector.unregister(sock)
    return found


def options_by_tcp(host: str, port: int, *, seconds: float, user: str = "") -> SipAnswer:
    """Ask OPTIONS over TCP. Raises as ``options``; ConnectionError when the peer hangs up."""
    asked = Dialogue("OPTIONS", target_of(user, host, port), "", transport="TCP", call_id=new_call_id())
    deadline = Deadline(seconds)
    with (
        telling_of("SIP OPTIONS (TCP)", asked.uri) as told,
        connect(host, port, deadline, connect_s=seconds) as sock,
    ):
        sock.begin(deadline, most_bytes=2 * _STREAM_BYTES)
        local = sock.getsockname()
        sock.sendall(sip_message.request(replace(asked, local=f"{bracketed(local[0])}:{local[1]}")))
        while (found := sip_message.answer(_message(sock), asked)) is None:
            deadline.remaining_s()
        told.heard(_said(found, times=1))
        return found


def bindings(registrar: str, port: int, *, user: str, seconds: float, login: Login) -> SipAnswer:
    """Ask a registrar over UDP where ``user`` can be called: REGISTER without Contact changes nothing there
    (RFC 3261 10.2.3). Raises as ``options``."""
    asked = Dialogue(
        "REGISTER", f"{bracketed(registrar)}:{port}", "", subject=target_of(user, registrar, port)
    )
    return ask_by_udp(registrar, port, asked, seconds=seconds, login=login)


def ask_by_udp(
    host: str, port: int, asked: Dialogue, *, seconds: float, login: Login | None = None
) -> SipAnswer:
    """Ask, and once more with a log-in when that is wanted and ``login`` has one."""
    deadline = Deadline(seconds)
    with connected(host, port) as sock:
        asked = replace(asked, local=_local(sock), call_id=new_call_id())
        with telling_of(f"SIP {asked.method} (UDP)", asked.uri) as told:
            found, times = _asked(sock, asked, sip_message.request(asked), deadline)
            told.heard(_said(found, times=times) + _registered(asked, found))
        if login is None or found.status not in (401, 407):
            return found
        authorization = login(found, asked)
        if authorization is None:
            return found
        again = replace(asked, number=asked.number + 1)
        with telling_of(f"SIP {asked.method} (UDP)", asked.uri, "digest") as told:
            written = sip_message.request(again, authorization=authorization)
            found, times = _asked(sock, again, written, deadline)
            told.heard(_said(found, times=times) + _registered(again, found))
        return found


def connected(host: str, port: int) -> socket.socket:
    """A UDP socket that hears only this peer. Raises OSError when the name or the way is unknown."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _local(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"{bracketed(host)}:{port}"


def _said(found: SipAnswer, *, times: int) -> str:
    """For those who watch: status, what the peer calls itself, whether it had to be asked again."""
    agent = f", {found.agent}" if found.agent else ""
    again = f"，发送 sent {times}×" if times > 1 else ""
    return f"SIP {found.status} {found.reason}{agent}{again}"


def _registered(asked: Dialogue, found: SipAnswer) -> str:
    if asked.method != "REGISTER" or found.status != 200:
        return ""
    return (
        f"，已注册 registered from {', '.join(found.bindings[:3])}"
        if found.bindings
        else "，未注册 not registered"
    )


def _asked(sock: socket.socket, asked: Dialogue, written: bytes, deadline: Deadline) -> tuple[SipAnswer, int]:
    """The answer, and how often it was asked for. Raises OSError."""
    pause_s, times = _T1_S, 0
    while True:
        sock.send(written)
        times += 1
        found = _heard(sock, asked, deadline.cut(pause_s))
        if found is not None:
            return found, times
        deadline.remaining_s()
        pause_s *= 2


def _heard(sock: socket.socket, asked: Dialogue, deadline: Deadline) -> SipAnswer | None:
    """The final answer before the deadline; None when none came. Raises OSError."""
    for _ in range(_STRANGERS):
        try:
            sock.settimeout(deadline.remaining_s())
            found = sip_message.answer(sock.recv(sip_message.MESSAGE_BYTES), asked)
        except TimeoutError:
            return None
        if found is not None:
            return found
    return None


def _message(sock: DeadlineSocket) -> bytes:
    """The next message of a stream, its body passed over. Raises ConnectionError, TimeoutError."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        if len(head) >= _HEAD_BYTES or sock.received > _STREAM_BYTES:
            raise ConnectionError("an answer without end")
        head += _some(sock, 1)
        if head == b"\r\n":
            head.clear()  # a keep-alive before a message (RFC 3261 7.5)
    left = min(_STREAM_BYTES, sip_message.body_bytes(bytes(head)))
    while left > 0:
        left -= len(_some(sock, min(left, 4096)))
    return bytes(head)


def _some(sock: DeadlineSocket, most: int) -> bytes:
    buffer = bytearray(most)
    count = sock.recv_into(buffer)
    if count == 0:
        raise ConnectionResetError("closed")
    return bytes(buffer[:count])

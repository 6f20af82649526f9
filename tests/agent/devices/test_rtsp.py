"""A device that has a stream and no ONVIF, spoken to on raw sockets."""

from __future__ import annotations

import re
import socket
import threading

from agent.devices import OnvifRoom
from agent.devices.digest import digest_challenge
from agent.model import Evidence, Secret
from protocol.words import Reason, Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.hostile import Hostile, Speech

_CHALLENGE = 'Digest realm="cam", nonce="abc"'


def climbed(speech: Speech, **more: str) -> Evidence:
    with Hostile(speech) as video:
        device = a_device(rtsp_port=video.port, stream_path="/live/sub", **more)  # type: ignore[arg-type]
        adapter = OnvifRoom(limits=QUICK).open(device)
        evidence = adapter.climb()
        adapter.close()
    return evidence


def server(sock: socket.socket, stop: threading.Event) -> None:
    """OPTIONS is free; DESCRIBE wants the right digest."""
    sock.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Cam/1\r\n\r\n")
    while not stop.is_set():
        request = sock.recv(4096).decode()
        if not request:
            return
        uri = request.split()[1]
        if _right(request, uri):
            sock.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 4\r\n\r\nv=0\n")
        else:
            sock.sendall(
                f"RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: {_CHALLENGE}\r\n\r\n".encode()
            )


def _right(request: str, uri: str) -> bool:
    challenge = digest_challenge([_CHALLENGE])
    assert challenge is not None
    wanted = challenge.authorization("DESCRIBE", uri, username="admin", password=Secret(PASSWORD))
    response = re.findall('response="\\w+"', wanted)[0]
    return response in request


def test_the_right_password_is_authenticated() -> None:
    evidence = climbed(server)
    assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK), evidence.detail
    assert evidence.identity is not None
    assert evidence.identity.model == "Cam/1"


def test_a_wrong_password_is_tried_once() -> None:
    with Hostile(server) as video:
        device = a_device(rtsp_port=video.port, stream_path="/live", password="wrong")
        adapter = OnvifRoom(limits=QUICK).open(device)
        assert adapter.climb().reason is Reason.AUTH_FAILED
        assert adapter.climb().reason is Reason.AUTH_BACKOFF
        adapter.forget_failures()
        assert adapter.climb().reason is Reason.AUTH_FAILED
        adapter.close()


def test_a_missing_stream_is_no_stream() -> None:
    def missing(sock: socket.socket, _stop: threading.Event) -> None:
        sock.sendall(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
        sock.recv(4096)
        sock.sendall(b"RTSP/1.0 404 Not Found\r\nCSeq: 2\r\n\r\n")

    assert climbed(missing).reason is Reason.NO_STREAM


def test_silence_is_hung_and_garbage_a_bad_answer() -> None:
    def garbage(sock: socket.socket, _stop: threading.Event) -> None:
        sock.sendall(b"\x00" * 100 + b"\r\n\r\n")

    def endless(sock: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            sock.sendall(b"x" * 65536)

    def silent(_sock: socket.socket, stop: threading.Event) -> None:
        stop.wait(30)

    assert climbed(silent).reason is Reason.HUNG
    assert climbed(garbage).reason is Reason.BAD_ANSWER
    assert climbed(endless).reason is Reason.BAD_ANSWER
    assert climbed(lambda _sock, _stop: None).reason is Reason.BAD_ANSWER

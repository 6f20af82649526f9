"""A read is ended from another thread, and only the stream's own socket is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from agent.video import cutter
from tests.agent.video.raw_camera import RawCamera, clip, plays, sends, timed
from tests.agent.video.watching import Watching, until


def pair(server: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(server.getsockname())
    return client, server.accept()[0]


def test_the_one_socket_to_an_address_is_claimed_and_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client, far = pair(server)
        with client, far:
            held = cutter.claim("127.0.0.1", server.getsockname()[1])
            assert held is not None
            held.cut()
            assert client.recv(1) == b""
            held.close()
            held.cut()


def test_of_two_that_nobody_claimed_none_is_and_a_claimed_one_leaves_the_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        first, far = pair(server)
        with first, far:
            held = cutter.claim("127.0.0.1", port)
            second, far_second = pair(server)
            with second, far_second:
                other = cutter.claim("127.0.0.1", port)
                assert held is not None
                assert other is not None
                held.close()
                other.close()
                assert cutter.claim("127.0.0.1", port) is None
    assert cutter.claim("127.0.0.1", port) is None
    assert cutter.claim("camera.lan", port) is None


def test_a_camera_that_drips_within_a_packet_is_cut_off_and_named() -> None:
    media = sends(timed(clip(frames=20)), pace_s=0.01)

    def drips(connection: socket.socket) -> None:
        media(connection)
        with contextlib.suppress(OSError):
            connection.sendall(b"$\x00\xff\xff")  # a packet of 65,535 bytes begins
            for _ in range(600):
                connection.sendall(b"x")
                time.sleep(0.02)

    with RawCamera(plays(drips)) as camera, Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().counters["judged"] >= 2)
        until(lambda: seen.watch.state().counters["errors"] >= 1)
        until(lambda: seen.watch.state().counters["reconnects"] >= 1)


def test_a_camera_that_drips_does_not_hold_up_the_end() -> None:
    def drips(connection: socket.socket) -> None:
        sends(timed(clip(frames=10)), pace_s=0.01)(connection)
        with contextlib.suppress(OSError):
            connection.sendall(b"$\x00\xff\xff")
            for _ in range(600):
                connection.sendall(b"x")
                time.sleep(0.02)

    with RawCamera(plays(drips)) as camera, Watching(camera.device(), camera.url) as seen:
        until(lambda: seen.watch.state().counters["judged"] >= 1)
        began = time.monotonic()
        seen.watch.close()
        assert time.monotonic() - began < 1.8
        assert not [one for one in threading.enumerate() if one.name == "video-camera-1"]

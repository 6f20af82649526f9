"""A village's line to the county: a TCP relay that can be cut like a cable and joined again.

Laws. A cut is silent: nothing passes and nobody is told, as when an excavator meets the fibre. What was
connected before the cut is dead when the line is back; who began to connect in the dark gets through then.
The relay keeps its port over cuts and over restarts of what stands behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

CHUNK_BYTES = 64 * 1024
CONNECT_S = 5.0


class Relay:
    """Relays loopback connections to ``port``. Thread-safe; its loop runs on a thread of its own."""

    def __init__(self, name: str, *, port: int, listen_on: int = 0) -> None:
        self.name = name
        self.port = listen_on
        """The port to connect to, once started."""
        self._behind = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"relay-{name}", daemon=True)
        self._ready = threading.Event()
        self._failed: OSError | None = None
        self._stopping = asyncio.Event()
        self._joined = asyncio.Event()
        self._joined.set()
        self._established: set[asyncio.WriteTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen. Raises OSError when the port cannot be had."""
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            self._thread.join()
            raise self._failed

    def cut(self) -> None:
        """From now on nothing passes; connections stay open and silent."""
        self._call(self._joined.clear)

    def join(self) -> None:
        """The line is back; connections from before the cut are reset."""
        self._call(self._rejoin)

    def stop(self) -> None:
        """Close everything and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(5)

    # --- the loop's thread -----------------------------------------------------------------------

    def _call(self, action: object) -> None:
        done = threading.Event()

        def run() -> None:
            assert callable(action)
            action()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(5)

    def _rejoin(self) -> None:
        for transport in list(self._established):
            transport.abort()
        self._joined.set()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        except OSError as error:
            self._failed = error
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_out: asyncio.StreamWriter | None = None
        try:
            await self._joined.wait()
            far_in, far = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self._behind), CONNECT_S
            )
            far_out = far
            ends = {near_out.transport, far.transport}
            self._established |= ends
            try:
                await self._both_ways(near_in, near_out, far_in, far)
            finally:
                self._established -= ends
        except (OSError, TimeoutError):
            near_out.transport.abort()
        finally:
            for writer in (near_out, far_out):
                if writer is not None:
                    writer.close()

    async def _both_ways(
        self,
        near_in: asyncio.StreamReader,
        near_out: asyncio.StreamWriter,
        far_in: asyncio.StreamReader,
        far_out: asyncio.StreamWriter,
    ) -> None:
        ways = [
            asyncio.ensure_future(self._pump(near_in, far_out)),
            asyncio.ensure_future(self._pump(far_in, near_out)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            # one side has said all it had to; the other may still answer, but not for ever
            await asyncio.wait(ways, timeout=1.0)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await self._joined.wait()
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()

"""Puts the centre together and keeps it running: database, ingest, schedule, sender, doors, monitor.

Law: whoever depends on another is started after it and stopped before it; a stop takes at most five
seconds; while a part is missing, /readyz says which.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from controller.api.rooms import Rooms, Trial
from controller.config import Config, FeedSection
from controller.db.transaction import DATABASE_DOWN
from controller.feed.retry import SCHEDULE_S, Answer
from controller.feed.sender import Sender, SenderSettings, try_once
from controller.ingest.receiver import Receiver
from controller.ingest.worker import FILTERS, Ingest
from controller.opening import open_core, targets_of
from controller.schedule import Schedule, ScheduleSettings
from controller.services.acting import Acting
from controller.services.supervision import Patience
from controller.web.build import build_web
from runtime.clock import Clock, SystemClock
from runtime.link import Link, LinkSettings
from runtime.monitor import Monitor
from runtime.worker import Worker

log = logging.getLogger(__name__)

PURGE_EVERY_S: Final = 600.0
DOOR_STOP_S: Final = 2
"""Seconds the HTTP door has for answers under way."""


class StartRefused(Exception):
    """The centre cannot start; the message says why and what to do."""


def sender_settings(section: FeedSection) -> SenderSettings:
    """The sender's part of the configuration."""
    return SenderSettings(
        targets=targets_of(section),
        schedule_s=SCHEDULE_S if section.schedule_s is None else section.schedule_s,
        timeout_s=section.timeout_s,
        poll_s=section.poll_s,
        ca_file=None if section.ca_file is None else str(section.ca_file),
    )


class Centre:
    """The running centre. ``on_fatal`` is told which part can go on no more: the process must end."""

    def __init__(
        self, config: Config, *, on_fatal: Callable[[str], None], clock: Clock | None = None
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._core = open_core(config, self._clock)
        settings = sender_settings(config.feed)
        self._sender = Sender(self._core.store, self._clock, settings, on_fatal=on_fatal)
        self._core.bell.on_ring(self._sender.wake)
        self._link = Link(_link_settings(config), client_id=config.broker.client_id, filters=FILTERS)
        self._workers = self._make_workers(on_fatal)
        self._door = Door(build_web(self._rooms(settings)), config.api.host, config.api.port)
        self._monitor: Monitor | None = None

    @property
    def api_port(self) -> int:
        """The port of API and page, really bound."""
        return self._door.port

    @property
    def monitor_port(self) -> int:
        """The port of /metrics and /readyz, really bound."""
        assert self._monitor is not None
        return self._monitor.port

    def start(self) -> None:
        """Start every part. Raises StartRefused when a port is taken; then nothing is left running."""
        try:
            self._door.bind()
            self._monitor = _monitor(self._config, self.missing)
        except OSError as error:
            self._door.stop()
            self._core.store.close()
            raise StartRefused(
                f"端口无法使用，请检查 [api] 与 [monitor] 的地址和端口：{error}。"
                f" a port cannot be used, check host and port of [api] and [monitor]: {error}"
            ) from error
        self._link.start()
        for worker in self._workers:
            worker.start()
        self._sender.start()
        self._door.start()
        self._monitor.start()
        log.info(
            "centre url=http://%s:%d/ monitor_port=%d", self._door.host, self.api_port, self.monitor_port
        )

    def stop(self) -> None:
        """Stop every part, within five seconds. What was not committed was not acknowledged either."""
        self._core.bell.close()
        self._door.ask_to_stop()
        # side by side: each may take a moment, and together they have five seconds
        stops: list[Callable[[], object]] = [partial(worker.stop, 4.0) for worker in self._workers]
        stops += [partial(self._sender.stop, 3.0), self._door.stop, partial(self._link.stop, 3.0)]
        threads = [threading.Thread(target=stop, name="stopping", daemon=True) for stop in stops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(4.5)
        if self._monitor is not None:
            self._monitor.stop()
        self._core.store.close()

    def missing(self) -> list[str]:
        """What keeps the centre from doing its work, one line each; empty when all is well."""
        found = [f"worker {worker.name} is not running" for worker in self._workers if not worker.alive]
        if not self._sender.alive:
            found.append("worker feed is not running")
        if not self._link.alive:
            found.append("the broker link is not running")
        elif not self._link.connected:
            found.append(f"no connection to the broker {self._config.broker.host}:{self._config.broker.port}")
        if not self._door.open:
            found.append("the HTTP door is not open")
        try:
            with self._core.store.read() as connection:
                connection.execute(text("SELECT 1"))
        except DATABASE_DOWN as error:
            found.append(f"the database does not answer: {type(error).__name__}")
        return found

    # --- inside --------------------------------------------------------------------------------

    def _make_workers(self, on_fatal: Callable[[str], None]) -> list[Worker]:
        prefix = self._config.incidents.case_prefix
        ingest = Ingest(self._link, Receiver(self._core.store, self._clock, case_prefix=prefix))
        schedule = Schedule(
            self._core.store,
            self._clock,
            _schedule_settings(self._config),
            listening=lambda: self._link.connected,
        )
        steps = {"ingest": ingest.step, "schedule": schedule.step, "purge": self._purge}
        return [Worker(name, step, expected=DATABASE_DOWN, on_fatal=on_fatal) for name, step in steps.items()]

    def _purge(self) -> float:
        gone = self._core.evidence.purge()
        if gone:
            log.info("evidence purged=%d past its time", gone)
        return PURGE_EVERY_S

    def _rooms(self, settings: SenderSettings) -> Rooms:
        core = self._core

        def trial(subscription_id: str) -> Trial:
            attempt = try_once(core.store, self._clock, settings, subscription_id)
            return Trial(attempt.answer is Answer.DELIVERED, attempt.status, attempt.detail)

        return Rooms(
            store=core.store,
            clock=self._clock,
            bell=core.bell,
            sign_in=core.sign_in,
            acting=Acting(core.store, self._clock, case_prefix=self._config.incidents.case_prefix),
            evidence=core.evidence,
            subscriptions=core.subscriptions,
            try_subscription=trial,
            subscriptions_changed=self._sender.wake,
            title=self._config.title,
            secure_cookies=self._config.api.secure_cookies,
            public_url=self._config.api.public_url,
        )


class Door:
    """The HTTP server on its own thread. The port is bound before anything is served."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self.host = host
        self._port = port
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_keep_alive=20,
                timeout_graceful_shutdown=DOOR_STOP_S,
                limit_concurrency=2000,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    @property
    def open(self) -> bool:
        """Whether requests are answered."""
        return self._thread.is_alive() and self._server.started

    def bind(self) -> None:
        """Take the port. Raises OSError when it is taken or the address is not ours."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.create_server((self.host, self._port), family=family, backlog=256)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Take no more connections and finish what is under way."""
        self._server.should_exit = True

    def stop(self) -> None:
        """Wait for the end, and give the port back."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(DOOR_STOP_S + 1.5)
        if self._socket is not None:
            self._socket.close()

    def _serve(self) -> None:
        assert self._socket is not None
        self._server.run(sockets=[self._socket])


def _monitor(config: Config, ready: Callable[[], list[str]]) -> Monitor:
    return Monitor(host=config.monitor.host, port=config.monitor.port, ready=ready)


def _link_settings(config: Config) -> LinkSettings:
    broker = config.broker
    return LinkSettings(
        host=broker.host,
        port=broker.port,
        username=broker.username,
        password_file=broker.password_file,
        ca_file=broker.ca_file,
        cert_file=broker.cert_file,
        key_file=broker.key_file,
        keepalive_s=broker.keepalive_s,
    )


def _schedule_settings(config: Config) -> ScheduleSettings:
    liveness, incidents = config.liveness, config.incidents
    return ScheduleSettings(
        patience=Patience(liveness.offline_after_s, liveness.goodbye_s),
        grace_s=liveness.grace_heartbeats * liveness.heartbeat_s,
        check_s=liveness.check_s,
        recover_hold_s=incidents.recover_hold_s,
        verify_after_s=incidents.verify_after_s,
        case_prefix=incidents.case_prefix,
    )

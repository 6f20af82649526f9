"""Orders of the county: each carried out once, however often it comes; its result is a log entry."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from queue import Empty, Full, Queue

from agent.errors import AgentError
from agent.ports import Journal, Log
from protocol.messages import Command, CommandResult
from runtime.clock import Clock

log = logging.getLogger(__name__)

QUEUE_LIMIT = 100

Verb = Callable[[Command], str]
"""Carries a command out; returns one sentence for the result. Raises AgentError when it cannot."""


class Commander:
    """Commands come in on the receiving thread and are carried out on a worker."""

    def __init__(self, verbs: Mapping[str, Verb], *, journal: Journal, log_: Log, clock: Clock) -> None:
        self._verbs = dict(verbs)
        self._journal = journal
        self._log = log_
        self._clock = clock
        self._queue: Queue[Command] = Queue(QUEUE_LIMIT)

    def recover(self) -> None:
        """After a start: what was begun and not ended is reported as failed, never begun again."""
        for command in self._journal.interrupted_commands():
            self._finish(command, "unknown", "failed", "执行中断 / the box stopped in the middle")

    def accept(self, command: Command) -> None:
        """Write the id down and queue it. The same id again has no effect."""
        if not self._journal.begin_command(command.command):
            log.info("command=%s came again and is ignored", command.command)
            return
        if command.expires <= self._clock.now():
            self._finish(
                command.command, command.verb, "expired", f"expired at {command.expires.isoformat()}"
            )
            return
        try:
            self._queue.put_nowait(command)
        except Full:
            self._finish(
                command.command, command.verb, "refused", "等待的命令过多 / too many commands waiting"
            )

    def step(self) -> float:
        """Carry out one command."""
        try:
            command = self._queue.get(timeout=0.5)
        except Empty:
            return 0.0
        verb = self._verbs.get(command.verb)
        if verb is None:
            self._finish(command.command, command.verb, "refused", f"未知命令 / unknown verb {command.verb}")
        elif command.expires <= self._clock.now():
            self._finish(
                command.command, command.verb, "expired", f"expired at {command.expires.isoformat()}"
            )
        else:
            self._carry_out(command, verb)
        return 0.0

    def _carry_out(self, command: Command, verb: Verb) -> None:
        try:
            detail = verb(command)
        except AgentError as error:
            self._finish(command.command, command.verb, "failed", str(error))
        except Exception:
            self._finish(command.command, command.verb, "failed", "软件故障 / a fault in the software")
            raise
        else:
            self._finish(command.command, command.verb, "done", detail)

    def _finish(self, command: str, verb: str, outcome: str, detail: str) -> None:
        # the outbox ends the command in the transaction of its result: told once, whenever the power goes
        self._log.append(
            CommandResult(command=command, verb=verb, outcome=outcome, detail=detail[:200]),
            at=self._clock.now(),
        )
        log.info("command=%s verb=%s outcome=%s %s", command, verb, outcome, detail)

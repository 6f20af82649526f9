"""What can go wrong on a box, in three families.

    AgentError
    ├── ConfigError        bad input: the configuration; lists every problem at once
    ├── NotVideo           bad input: a file that is to be watched
    ├── DeviceError        the world: a device; ``kind`` says what the operator does next
    ├── StoreFull          the world: the outbox reached its bound
    └── StoreBroken        the world: the outbox file cannot be read; it was moved aside

Anything else is our bug.
"""

from __future__ import annotations

from enum import StrEnum

from protocol.words import Reason, Rung


class AgentError(Exception):
    """Base of everything the box raises on purpose."""


class ConfigError(AgentError):
    """The configuration cannot be used. ``problems`` has one line a problem, in reading order."""

    def __init__(self, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        super().__init__(f"{where}: " + "; ".join(problems))


class NotVideo(AgentError):
    """A file without H.264 or H.265 video, or one that cannot be read. Its text says so in both languages."""


class StoreFull(AgentError):
    """The outbox is at its bound and what was offered may be dropped by rule."""


class StoreBroken(AgentError):
    """The outbox file is damaged. The message says where it was moved."""


class DeviceTrouble(StrEnum):
    """Kinds of device error: few, named after what the operator does next. Also wire reasons."""

    UNREACHABLE = "unreachable"
    HUNG = "hung"
    NO_ONVIF = "no_onvif"
    BAD_ANSWER = "bad_answer"
    AUTH_FAILED = "auth_failed"
    AUTH_BACKOFF = "auth_backoff"
    NOT_SUPPORTED = "not_supported"
    NO_STREAM = "no_stream"
    BAD_STREAM = "bad_stream"
    NOT_ACTIVATED = "not_activated"
    """Fresh from the factory: it has no password yet, and nothing works before it is given one."""
    CERTIFICATE_CHANGED = "certificate_changed"
    """Its TLS certificate is not the one seen first: replaced, reset, or somebody stands between."""
    OTHER_DEVICE = "other_device"
    """Another device answers at its address. No credentials were sent."""
    READ_ONLY = "read_only"
    """A write to a device of class INTEGRATED. Nothing was sent."""
    BAD_VALUE = "bad_value"
    """The device has no such setting or does not take the value."""
    NOT_KEPT = "not_kept"
    """The device said yes to a write and kept something else."""

    @property
    def retryable(self) -> bool:
        """Whether trying again soon can help. Never for a refused password: accounts lock."""
        return self not in (
            DeviceTrouble.AUTH_FAILED,
            DeviceTrouble.AUTH_BACKOFF,
            DeviceTrouble.NOT_SUPPORTED,
            DeviceTrouble.NOT_ACTIVATED,
            DeviceTrouble.CERTIFICATE_CHANGED,
            DeviceTrouble.READ_ONLY,
            DeviceTrouble.BAD_VALUE,
            DeviceTrouble.NOT_KEPT,
        )

    @property
    def reason(self) -> Reason:
        """The word that travels to the centre. One operation never decides a device's health."""
        return Reason.BAD_ANSWER if self in _OF_ONE_OPERATION else Reason(self.value)

    @property
    def highest_rung(self) -> Rung:
        """The rung a device that fails this way has at most reached."""
        return _HIGHEST[self]


_OF_ONE_OPERATION = frozenset(
    {
        DeviceTrouble.NOT_SUPPORTED,
        DeviceTrouble.READ_ONLY,
        DeviceTrouble.BAD_VALUE,
        DeviceTrouble.NOT_KEPT,
    }
)

_HIGHEST = {
    DeviceTrouble.UNREACHABLE: Rung.UNREACHABLE,
    DeviceTrouble.HUNG: Rung.REACHABLE,
    DeviceTrouble.NO_ONVIF: Rung.REACHABLE,
    DeviceTrouble.BAD_ANSWER: Rung.REACHABLE,
    DeviceTrouble.AUTH_FAILED: Rung.ONVIF,
    DeviceTrouble.AUTH_BACKOFF: Rung.ONVIF,
    DeviceTrouble.NOT_SUPPORTED: Rung.ONVIF,
    DeviceTrouble.NO_STREAM: Rung.AUTHENTICATED,
    DeviceTrouble.BAD_STREAM: Rung.AUTHENTICATED,
    DeviceTrouble.NOT_ACTIVATED: Rung.ONVIF,
    DeviceTrouble.CERTIFICATE_CHANGED: Rung.REACHABLE,
    DeviceTrouble.OTHER_DEVICE: Rung.UNREACHABLE,
    DeviceTrouble.READ_ONLY: Rung.ONVIF,
    DeviceTrouble.BAD_VALUE: Rung.ONVIF,
    DeviceTrouble.NOT_KEPT: Rung.ONVIF,
}


class DeviceError(AgentError):
    """A device did not do what was asked.

    ``device`` is the ledger id, ``detail`` one sentence without credentials. ``kind`` is used
    unchanged as log field, metric label and (through ``reason``) wire value.
    """

    def __init__(self, kind: DeviceTrouble, device: str, detail: str) -> None:
        self.kind = kind
        self.device = device
        self.detail = detail
        super().__init__(f"device={device} kind={kind} detail={detail}")

"""How far a device is climbed, and what is said of the rung where it stopped.

    TCP connect ──> GetSystemDateAndTime ──> GetDeviceInformation, logged in
    unreachable      reachable (hung, no ONVIF)   onvif (password)              authenticated

Law: the first rung that fails, with its reason, is the evidence; a climb never raises and ends within its
deadline. The rungs above come from the video room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.devices import sentences
from agent.devices.identity import Whereabouts, read_device_information, read_rest, read_whereabouts
from agent.devices.limits import Deadline
from agent.devices.session import Session
from agent.devices.transport import connect
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Evidence, Identity
from protocol.words import Reason, Rung

_CLOCK_TOLERATED_S = 5.0
_PASSING = (DeviceTrouble.UNREACHABLE, DeviceTrouble.HUNG)
_NEVER_PASSED_OVER = (
    DeviceTrouble.AUTH_FAILED,
    DeviceTrouble.AUTH_BACKOFF,
    DeviceTrouble.CERTIFICATE_CHANGED,
    DeviceTrouble.OTHER_DEVICE,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What stays known of a device between climbs, until it is lost or changes."""

    identity: Identity
    whereabouts: Whereabouts


class Ladder:
    """Climbs one device. Remembers who it is, so that a climb is two small questions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.known: Known | None = None

    def climb(self) -> Evidence:
        """As far as ``authenticated``; the identity is read on the first climb and after a failed one."""
        session = self._session
        session.renew_challenge()
        session.account.clock_error_s = None
        onvif = False
        try:
            with session.transport.within(session.limits.total_s):
                session.clock()
                onvif = True
                session.recognise()
                basics = read_device_information(session)
        except DeviceError as error:
            self.known = None
            return self._stopped(error, onvif=onvif)
        if self.known is not None and _same(self.known.identity, basics):
            return self._arrived(self.known.identity, "")
        return self._identified(basics)

    def read(self) -> Known:
        """Read identity, addresses and profiles anew. Raises DeviceError."""
        session = self._session
        with session.transport.within(session.limits.total_s):
            session.clock()
            session.recognise()
            basics = read_device_information(session)
            try:
                whereabouts = read_whereabouts(session)
                identity = read_rest(session, basics, whereabouts)
            except DeviceError as error:
                who = " ".join(filter(None, (basics.vendor, basics.model, basics.firmware)))
                raise session.error(error.kind, f"{who}: {error.detail}") from error
            self._require_itself(identity)
            self.known = Known(identity, whereabouts)
        return self.known

    def _identified(self, basics: Identity) -> Evidence:
        session = self._session
        whereabouts = Whereabouts({})
        try:
            with session.transport.within(session.limits.total_s):
                whereabouts = read_whereabouts(session)
                identity = read_rest(session, basics, whereabouts)
                self._require_itself(identity)
        except DeviceError as error:
            if error.kind in _NEVER_PASSED_OVER:
                return self._stopped(error, onvif=True)
            if error.kind not in _PASSING:
                self.known = Known(basics, whereabouts)
            return self._arrived(basics, with_way_out(session, error).detail)
        self.known = Known(identity, whereabouts)
        return self._arrived(identity, "")

    def _arrived(self, identity: Identity | None, detail: str) -> Evidence:
        error_s = self._session.account.clock_error_s
        if error_s is not None and abs(error_s) > _CLOCK_TOLERATED_S:
            detail = sentences.clock_off(self._session.where, error_s)
        return Evidence(Rung.AUTHENTICATED, Reason.OK, detail, error_s, identity)

    def _stopped(self, error: DeviceError, *, onvif: bool) -> Evidence:
        kind, detail = error.kind, error.detail
        if kind is DeviceTrouble.UNREACHABLE and self._video_port_open(error):
            kind = DeviceTrouble.NO_ONVIF
            detail = sentences.onvif_closed(self._session.where, self._session.device.rtsp_port)
        rung = kind.highest_rung
        if onvif and kind is DeviceTrouble.BAD_ANSWER:
            rung = Rung.ONVIF
        clock_error_s = self._session.account.clock_error_s
        return Evidence(
            rung, kind.reason, detail, None if kind is DeviceTrouble.OTHER_DEVICE else clock_error_s
        )

    def _require_itself(self, told: Identity) -> None:
        """Raises DeviceError OTHER_DEVICE for one that let the box in and is not the device meant."""
        doorplate = self._session.account.doorplate
        if doorplate is not None:
            doorplate.told(self._session, told)

    def _video_port_open(self, error: DeviceError) -> bool:
        """Whether the host lives and only its ONVIF port is closed."""
        if not isinstance(error.__cause__, ConnectionRefusedError):
            return False
        return port_open(self._session.device.host, self._session.device.rtsp_port)


def port_open(host: str, port: int) -> bool:
    """Whether a TCP connection comes about within a second."""
    return _quietly(lambda: connect(host, port, Deadline(1.0), connect_s=1.0).close())


def _quietly(step: Callable[[], None]) -> bool:
    try:
        step()
    except OSError:
        return False
    return True


def _same(known: Identity, basics: Identity) -> bool:
    return (known.vendor, known.model, known.firmware, known.serial) == (
        basics.vendor,
        basics.model,
        basics.firmware,
        basics.serial,
    )


def with_way_out(session: Session, error: DeviceError) -> DeviceError:
    """The error; where a returned port is dead while the enrolled one has just answered, with what to set."""
    is_elsewhere = error.kind is DeviceTrouble.UNREACHABLE and f"{session.where} " not in error.detail
    if not is_elsewhere or session.device.port_forwarded:
        return error
    return session.error(error.kind, sentences.port_dead(error.detail, session.device.port))

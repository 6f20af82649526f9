"""Whether a conference endpoint can hold a meeting: does it live, how good is its line, can it be called.

    SIP OPTIONS by UDP ──silence──> ping, TCP, SIP OPTIONS by TCP ──> line (series of probes) ──> registration

    200: ok    401, 407: alive, wants a log-in    404, 405, 486 and every other: alive    silence: down

Law: any answer is life, and an answer to SIP proves the way below it, so ping and TCP are asked only when SIP
is silent, to tell a dead host from a dead service. What the registrar does not tell is never held against
the endpoint. A climb ends within four times ``Limits.sip_s`` and one series.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from agent.devices import conference_sentences as said
from agent.devices import icmp, line_quality, probe_series, sentences, sip
from agent.devices.account import Account
from agent.devices.address import bracketed
from agent.devices.digest import digest_challenge
from agent.devices.limits import Deadline, Limits
from agent.devices.line_quality import Grade, LineWindow
from agent.devices.sip_message import Dialogue, SipAnswer
from agent.devices.transport import connect
from agent.devices.witness import Telling, telling_of
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Identity, LineQuality
from protocol.words import Reason, Rung

log = logging.getLogger(__name__)

_SIP_PORT = 5060
_TCP_S = 1.0
_NOT_PERMITTED = "系统不允许 not permitted"


@dataclass(frozen=True, slots=True)
class _Life:
    answer: SipAnswer
    by_udp: bool


@dataclass(frozen=True, slots=True)
class _Registration:
    """``known`` None: nobody could tell."""

    known: bool | None = None
    detail: str = ""


class ConferenceAdapter:
    """Implements DeviceAdapter for a video-conference endpoint: its top rung is ``reachable``."""

    def __init__(self, device: Device, account: Account, *, limits: Limits) -> None:
        """``account`` is the log-in at the registrar, if one is needed."""
        self.device = device
        self._account = account
        self._limits = limits
        self._known = ""
        self._window = LineWindow()
        self._by = "icmp"

    def climb(self) -> Evidence:
        """One OPTIONS, one series, one REGISTER query where a registrar is known."""
        try:
            life = self._life()
        except DeviceError as error:
            self._known = ""
            self._window.forget()
            return Evidence(Rung.UNREACHABLE, error.kind.reason, error.detail)
        line = self._line(by_udp=life.by_udp)
        reason, detail = self._judged(life.answer, line, self._registration())
        agent = life.answer.agent
        fresh = agent if agent != self._known else None
        self._known = agent
        return Evidence(
            Rung.REACHABLE, reason, detail, identity=Identity(model=fresh) if fresh else None, line=line
        )

    def identity(self) -> Identity:
        """What the endpoint calls itself. Raises DeviceError."""
        return Identity(model=self._life().answer.agent)

    def measure(self, *, probes: int, by: str | None = None) -> LineQuality | None:
        """One long series, as before a meeting; None when neither ping nor SIP by UDP is answered.

        ``by`` is ``icmp`` or ``sip`` from now on; without it ping, and SIP where ping is not answered.
        """
        self._by = by or self._by
        window = LineWindow()
        return self._line(by_udp=self._life().by_udp, probes=probes, window=window)

    def stream_uri(self) -> str:
        """Raises DeviceError: a conference endpoint has no stream for the box."""
        raise self._lacks("GetStreamUri")

    def stream_refused(self) -> None:
        """There is none."""

    def ask_key(self) -> bool:
        """False: there is nobody to ask."""
        return False

    def snapshot(self) -> bytes:
        """Raises DeviceError: a conference endpoint has no picture for the box."""
        raise self._lacks("GetSnapshotUri")

    def forget_failures(self) -> None:
        """Lift the rest of a password the registrar refused."""
        self._account.forgiven()

    def close(self) -> None:
        """Nothing is kept open."""

    @property
    def _where(self) -> str:
        return f"{bracketed(self.device.host)}:{self.device.sip_port}"

    # --- does it live ----------------------------------------------------------------------------

    def _life(self) -> _Life:
        device, seconds = self.device, self._limits.sip_s
        try:
            found = sip.options(device.host, device.sip_port, seconds=seconds, user=device.sip_user)
            return _Life(found, by_udp=True)
        except (TimeoutError, ConnectionRefusedError) as error:
            return self._life_by_tcp(error)
        except OSError as error:
            detail = sentences.unreachable(self._where, error.strerror or "?")
            raise DeviceError(DeviceTrouble.UNREACHABLE, device.id, detail) from error

    def _life_by_tcp(self, by_udp: OSError) -> _Life:
        """SIP over TCP, else what is known of the host. Raises DeviceError."""
        device = self.device
        tcp = self._tcp_port()
        if tcp == "open":
            with contextlib.suppress(OSError):
                found = sip.options_by_tcp(
                    device.host, device.sip_port, seconds=self._limits.sip_s, user=device.sip_user
                )
                return _Life(found, by_udp=False)
        if tcp == "refused" and isinstance(by_udp, ConnectionRefusedError):
            detail = sentences.refused(self._where)
            raise DeviceError(DeviceTrouble.UNREACHABLE, device.id, detail) from by_udp
        with telling_of("ping", device.host) as told:
            ping = icmp.answers_ping(device.host, seconds=self._limits.series_wait_s)
            told.heard({True: "有回应 answered", False: "无应答 no answer", None: _NOT_PERMITTED}[ping])
        kind = DeviceTrouble.HUNG if ping or tcp != "silent" else DeviceTrouble.UNREACHABLE
        raise DeviceError(kind, device.id, said.silent(self._where, ping=ping, tcp=tcp)) from by_udp

    def _tcp_port(self) -> str:
        seconds = min(_TCP_S, self._limits.sip_s)
        try:
            with telling_of("TCP connect", self._where) as told:
                connect(self.device.host, self.device.sip_port, Deadline(seconds), connect_s=seconds).close()
                told.heard("已接通 open")
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "silent"
        return "open"

    # --- how good is its line --------------------------------------------------------------------

    def _line(
        self, *, by_udp: bool, probes: int | None = None, window: LineWindow | None = None
    ) -> LineQuality | None:
        window = window or self._window
        count = probes or self._limits.series_probes
        trips = self._pinged(count) if self._by == "icmp" else None
        if trips is None or not any(trips):
            if self._by == "icmp":
                self._by = "sip"
                self._window.forget()
            trips = self._optioned(count) if by_udp else None
        if trips is None:
            return None
        window.add(trips)
        return window.quality(self._by)

    def _pinged(self, count: int) -> list[float | None] | None:
        limits = self._limits
        try:
            with telling_of(f"ping {count}×", self.device.host) as told:
                try:
                    trips = probe_series.by_ping(
                        self.device.host, count=count, gap_s=limits.series_gap_s, wait_s=limits.series_wait_s
                    )
                except icmp.NotPermitted:
                    told.heard(_NOT_PERMITTED)
                    raise
                _tell(told, trips)
            return trips
        except icmp.NotPermitted:
            log.info(
                "device=%s ping is not permitted (net.ipv4.ping_group_range): its line is measured by SIP",
                self.device.id,
            )
            return None
        except OSError:
            return None

    def _optioned(self, count: int) -> list[float | None] | None:
        limits, device = self._limits, self.device
        try:
            with telling_of(f"SIP OPTIONS (UDP) {count}×", self._where) as told:
                trips = probe_series.by_options(
                    device.host,
                    device.sip_port,
                    user=device.sip_user,
                    count=count,
                    gap_s=limits.series_gap_s,
                    wait_s=limits.series_wait_s,
                )
                _tell(told, trips)
            return trips
        except OSError:
            return None

    # --- can it be called ------------------------------------------------------------------------

    def _registration(self) -> _Registration:
        registrar = self.device.sip_registrar
        if registrar is None:
            return _Registration()
        host, _, port = registrar.partition(":")
        tried: list[str] = []

        def login(found: SipAnswer, asked: Dialogue) -> tuple[str, str] | None:
            header = self._login(found, asked)
            tried.extend(header[:1] if header else ())
            return header

        try:
            found = sip.bindings(
                host,
                int(port or _SIP_PORT),
                user=self.device.sip_user,
                seconds=self._limits.sip_s,
                login=login,
            )
        except TimeoutError:
            return _Registration(None, said.unknown_registration(registrar, "timeout"))
        except OSError as error:
            return _Registration(None, said.unknown_registration(registrar, error.strerror or "?"))
        if tried and found.status in (401, 403, 407):
            self._account.refused()
            detail = sentences.password_refused(registrar, self._account.username, self._account.rest_s)
            return _Registration(None, detail)
        if tried:
            self._account.accepted()
        return self._told(found, registrar)

    def _told(self, found: SipAnswer, registrar: str) -> _Registration:
        user = self.device.sip_user
        if found.status == 404 or (found.status == 200 and not found.bindings):
            return _Registration(False, said.not_registered(self._where, user, registrar))
        if found.status != 200:
            why = f"SIP {found.status} {found.reason}"
            return _Registration(None, said.unknown_registration(registrar, why))
        if self.device.host in found.bindings:
            return _Registration(True)
        return _Registration(True, said.elsewhere(user, found.bindings))

    def _login(self, found: SipAnswer, asked: Dialogue) -> tuple[str, str] | None:
        """The one try of the registrar's log-in; None without one, and while a refused one rests."""
        challenge = digest_challenge(found.challenges)
        if challenge is None or not self._account.username or self._account.rest_left_s() > 0:
            return None
        name = "Proxy-Authorization" if found.status == 407 else "Authorization"
        return name, self._account.authorization(challenge, asked.method, asked.uri)

    # --- all together ----------------------------------------------------------------------------

    def _judged(
        self, answer: SipAnswer, line: LineQuality | None, registration: _Registration
    ) -> tuple[Reason, str]:
        if registration.known is False:
            return Reason.NOT_REGISTERED, registration.detail
        if line is not None and line_quality.grade(line) is Grade.POOR:
            return Reason.POOR_LINE, said.poor_line(self._where, line)
        told = "" if answer.status == 200 else said.alive(self._where, answer)
        return Reason.OK, "; ".join(filter(None, (told, registration.detail)))

    def _lacks(self, operation: str) -> DeviceError:
        detail = sentences.not_supported(self._where, operation)
        return DeviceError(DeviceTrouble.NOT_SUPPORTED, self.device.id, detail)


def _tell(told: Telling, trips: Sequence[float | None]) -> None:
    """A series, for those who watch: how many came back, and the median."""
    came = [trip for trip in trips if trip is not None]
    middle = f"，中位 median {median(came) * 1000:.1f} ms" if came else ""
    told.heard(f"{len(came)}/{len(trips)} 有回应 answered{middle}")

"""How one question reaches one device and what comes of it: built, logged in, sent, opened, judged.

Law: every answer ends as parsed XML or as one DeviceError whose kind says what the operator does next.
A device of a class that is read only is never sent an operation that changes it (invariant 9).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from lxml import etree

from agent.devices import (
    attachments,
    identity_sentences,
    quirks,
    reading,
    rtsp_sentences,
    sentences,
    soap,
    tls,
)
from agent.devices.account import Account, Mode, Turn
from agent.devices.address import Endpoint, device_service
from agent.devices.digest import Challenge, digest_challenge, offers_basic
from agent.devices.limits import Limits
from agent.devices.redact import quoted
from agent.devices.soap import Fault, Opened
from agent.devices.transport import Answer, Dial, Transport
from agent.devices.witness import telling
from agent.devices.wsdl import NAMESPACES, Misread, Services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device

_CLOCK_MOVED_S = 2.0
"""A token refused after the clock moved by more is sent again with the new time: devices forgive 5 s."""
_NONCE_TRUSTED_S = 10.0
_WELL_KNOWN = frozenset({80, 443})
_MOST_PORTS = 8
_WAITS_FOR_OTHERS = 0.75
"""Of the time there is: a pull of 5 s that settles a log-in is waited for by a climb of 8 s."""
_WRITES_NOTHING = frozenset(
    {
        "CreatePullPointSubscription",
        "PullMessages",
        "Renew",
        "Unsubscribe",
        "SetSynchronizationPoint",
        "FindRecordings",
        "FindEvents",
        "EndSearch",
    }
)
"""What does not begin with Get and changes nothing on a device but our own subscription, or our own list of
results of a search (ONVIF Recording Search). Of Media, SetSynchronizationPoint is not meant."""


@dataclass(frozen=True, slots=True)
class Question:
    """One SOAP operation for one address. ``headers`` are echoed or added by the asker."""

    operation: str
    endpoint: Endpoint
    envelope: etree._Element
    action: str
    headers: tuple[etree._Element, ...] = ()
    anonymous: bool = False
    """Asked without credentials, as ONVIF demands for GetSystemDateAndTime."""
    optional: bool = False
    """Its refusal says nothing about the password: some devices refuse what they do not have."""
    repeatable: bool = True
    cap_bytes: int | None = None
    """More than an answer may usually have: for those that carry a file (MTOM)."""


@dataclass(frozen=True, slots=True)
class _Reply:
    answer: Answer
    opened: Opened | None
    trouble: tuple[DeviceTrouble, str] | None
    """What is wrong with it. Not an exception: raised, one would hold the frames that hold this answer, and
    2 MiB of a hostile device would stay until the collector happens to come by."""

    @property
    def fault(self) -> Fault | None:
        return None if self.opened is None else self.opened.fault

    @property
    def challenges(self) -> tuple[str, ...]:
        return self.answer.headers.get("www-authenticate", ())

    @property
    def refuses_login(self) -> bool:
        if self.answer.status == 401:
            return True
        if self.fault is not None:
            return self.fault.refuses_login
        return self.answer.status == 403 and self.trouble is not None

    @property
    def said(self) -> str:
        return str(self.fault) if self.fault is not None else ""


class Session:
    """Questions to one device. One thread at a time."""

    def __init__(
        self,
        device: Device,
        account: Account,
        services: Services,
        *,
        limits: Limits,
    ) -> None:
        self.device = device
        self.account = account
        self.services = services
        self.limits = limits
        self.transport = Transport(device.id, limits=limits, dial=_dial(device, account, limits))
        self.device_service = device_service(device)
        self._challenge: Challenge | None = None
        self._challenged_at = 0.0
        self._writing = ""
        """The operation under way where it is a write."""
        self.transport.mask = account.masked
        self.transport.introduce = None if account.doorplate is None else self._look

    @property
    def where(self) -> str:
        """The device's address, as people are told."""
        return self.device_service.netloc

    def call(
        self,
        service: str,
        operation: str,
        endpoint: Endpoint,
        *,
        anonymous: bool = False,
        optional: bool = False,
        **values: object,
    ) -> object:
        """Ask by the WSDL; the answer is zeep's objects (read them with ``agent.devices.reading``).

        Raises DeviceError; NOT_SUPPORTED when the device does not have the operation.
        """
        known = self.services.operation(service, operation)
        question = Question(
            operation,
            endpoint,
            known.request(**values),
            known.action,
            anonymous=anonymous,
            optional=optional,
        )
        opened = self.ask(question)
        try:
            return known.response(opened.root)
        except Misread as error:
            detail = sentences.broken(self.where, self.account.quoted(f"{operation}: {error}"))
            raise self.error(DeviceTrouble.BAD_ANSWER, detail) from error

    def ask(self, question: Question) -> Opened:
        """Ask in plain SOAP; the answer's body has content and is no fault. Raises DeviceError."""
        return self._judged(question, self._exchanged(question))

    def ask_for_file(self, question: Question) -> tuple[Opened, bytes]:
        """As ``ask``, with the first attachment of the answer, "" when it has none. Raises DeviceError."""
        reply = self._exchanged(question)
        opened = self._judged(question, reply)
        return opened, attachments.attached(reply.answer.body, reply.answer.header("content-type"))

    def faulty(self, question: Question) -> Opened:
        """As ``ask``, but a fault that is not about the log-in is returned to the asker."""
        reply = self._exchanged(question)
        if reply.opened is not None and reply.fault is not None and not reply.refuses_login:
            return reply.opened
        return self._judged(question, reply)

    def clock(self) -> datetime | None:
        """The device's UTC, asked without credentials, and the account's offset set by it.

        None when the device does not tell. Raises DeviceError when it does not talk ONVIF at all.
        """
        known = self.services.operation("devicemgmt", "GetSystemDateAndTime")
        question = Question(
            "GetSystemDateAndTime", self.device_service, known.request(), known.action, anonymous=True
        )
        before = self.account.box_utc()
        reply = self._sent(question, None)
        if reply.opened is not None:
            self.account.heard(reply.opened.root, reply.answer.header("server"))
        told = _told_clock(reply)
        if told is not None:
            after = self.account.box_utc()
            self.account.set_clock(told, box_utc=before + (after - before) / 2)
        elif reply.trouble is not None and not reply.refuses_login:
            raise self.error(*reply.trouble)
        elif reply.fault is None and reply.opened is not None and reply.opened.content is not None:
            self._fitting(question, reply.opened)
        return told

    def reference(self) -> str:
        """The endpoint reference, asked without credentials; "" when it is not told to strangers.

        Raises DeviceError when nobody answers at all. The access policy of ONVIF Core leaves
        GetEndpointReference open before any log-in (PRE_AUTH); not every device does.
        """
        known = self.services.operation("devicemgmt", "GetEndpointReference")
        question = Question(
            "GetEndpointReference", self.device_service, known.request(), known.action, anonymous=True
        )
        reply = self._sent(question, None)
        if reply.opened is None or reply.fault is not None or reply.opened.content is None:
            return ""
        if soap.local_name(reply.opened.content) != "GetEndpointReferenceResponse":
            return ""
        return quoted(soap.child_text(reply.opened.content, "GUID"), longest=128)

    def recognise(self) -> None:
        """Look anew who answers. Raises DeviceError OTHER_DEVICE before anything secret is sent."""
        self.transport.introduced(self._look)

    def _look(self) -> None:
        if self.account.doorplate is not None:
            self.account.doorplate.look(self)
            self._require_not_integrated()

    def get(self, endpoint: Endpoint, *, cap_bytes: int) -> Answer:
        """HTTP GET with the log-in the device asks for: none, Digest, or Basic when only that is offered.

        Raises DeviceError; the account rests after a refusal as after any other.
        """
        self._require_rested()
        self._require_own_port(endpoint)
        answer = self._got(endpoint, None, cap_bytes)
        if answer.status != 401:
            return answer
        with self._trying():
            authorization = self._answer_to(answer, "GET", endpoint.target)
            answer = self._got(endpoint, authorization, cap_bytes)
            self._settle(answer, "GET", authorization)
        return answer

    def _answer_to(self, refused: Answer, method: str, target: str) -> str:
        """The Authorization header a 401 asks for, Digest before Basic. Raises DeviceError."""
        self._require_credentials()
        challenges = refused.headers.get("www-authenticate", ())
        challenge = digest_challenge(challenges)
        if challenge is not None:
            return self.account.authorization(challenge, method, target)
        if not offers_basic(challenges) or self.account.knows_digest(method):
            detail = sentences.no_challenge(
                self.where, self.account.quoted(", ".join(challenges), longest=60)
            )
            raise self.error(DeviceTrouble.BAD_ANSWER, detail)
        if not self._may_send_in_clear():
            raise self.error(DeviceTrouble.BAD_ANSWER, identity_sentences.not_in_clear(self.where))
        return self.account.basic()

    def _may_send_in_clear(self) -> bool:
        """Over TLS the pin says who is there; else the look at it must."""
        return self.device.tls or self.account.doorplate is None or self.account.doorplate.is_sure

    def _settle(self, answer: Answer, method: str, authorization: str) -> None:
        """Say what came of the credentials that were sent. Raises DeviceError when they were refused."""
        if answer.status == 401:
            raise self._refused("")
        self.account.accepted(digest_for=method if authorization.startswith("Digest ") else "")

    def upload(self, operation: str, endpoint: Endpoint, file: BinaryIO, *, size_bytes: int) -> Answer:
        """POST a file to an address the device gave for ``operation``; repeated once with the log-in it asks.

        Raises DeviceError; READ_ONLY before anything is sent where the class of the device forbids writes.
        """
        self._require_no_others_port(endpoint)
        self._require_allowed(operation)
        self._require_rested()
        self._require_own_port(endpoint)
        with self._trying():
            known_way = self._known_way(endpoint)
            answer = self._uploaded(operation, endpoint, file, size_bytes, authorization=known_way)
            if answer.status != 401:
                return answer
            authorization = self._answer_to(answer, "POST", endpoint.target)
            self._require_rested()
            file.seek(0)
            answer = self._uploaded(operation, endpoint, file, size_bytes, authorization=authorization)
            self._settle(answer, "POST", authorization)
        return answer

    def ask_with_file(self, question: Question, file: BinaryIO, *, size_bytes: int) -> Opened:
        """As ``faulty``, with a file beside the envelope (MTOM), streamed from where it is and sent once.

        The log-in is settled before by a small question, so that a refusal costs no second upload. Raises
        DeviceError; HUNG and BAD_ANSWER leave open whether the device carried it out.
        """
        self._require_no_others_port(question.endpoint)
        self._require_allowed(question.operation, question.envelope)
        self._require_rested()
        mode = self._settled_mode(question.endpoint)
        with contextlib.nullcontext() if mode is None else self._trying():
            return self._with_file(question, file, mode, size_bytes=size_bytes)

    def _with_file(self, question: Question, file: BinaryIO, mode: Mode | None, *, size_bytes: int) -> Opened:
        soap_headers, http_headers = self._credentials(question, mode)
        envelope = soap.with_headers(question.envelope, soap_headers)
        wrapping = attachments.wrapped(envelope, action=question.action)
        http_headers["Content-Type"] = wrapping.content_type
        login = "none" if mode is None else mode.value
        with telling(question.operation, question.endpoint, login) as told:
            answer = self.transport.upload(
                question.endpoint,
                file,
                size_bytes=size_bytes,
                headers=http_headers,
                seconds=self.limits.upload_s,
                before=wrapping.before,
                after=wrapping.after,
            )
            reply = self._opened(answer)
            told.answered(answer.status, len(answer.body), self._words(reply))
        if reply.refuses_login:
            raise self._refused(self._words(reply))
        if mode is not None:
            self.account.mode = mode
            self.account.accepted()
        if reply.opened is not None and reply.fault is not None:
            return reply.opened
        return self._judged(question, reply)

    def _settled_mode(self, endpoint: Endpoint) -> Mode | None:
        """How the device wants to be logged in to, with a fresh nonce where that is Digest."""
        known = self.services.operation("devicemgmt", "GetDeviceInformation")
        question = Question("GetDeviceInformation", endpoint, known.request(), known.action)
        reply = self._sent(question, None)
        mode = self.account.mode
        if not reply.refuses_login:
            return mode
        self._require_credentials()
        challenge = digest_challenge(reply.challenges)
        if challenge is not None:
            self._take(challenge)
        if mode is None or self._challenge is None:
            return Mode.TOKEN if challenge is None else Mode.DIGEST
        return mode

    def _known_way(self, endpoint: Endpoint) -> str | None:
        if self._challenge is None:
            return None
        return self.account.authorization(self._challenge, "POST", endpoint.target)

    def _uploaded(
        self,
        operation: str,
        endpoint: Endpoint,
        file: BinaryIO,
        size_bytes: int,
        *,
        authorization: str | None,
    ) -> Answer:
        headers = {"Content-Type": "application/octet-stream"}
        if authorization is not None:
            headers["Authorization"] = authorization
        login = "none" if authorization is None else authorization.partition(" ")[0].lower()
        with telling(f"POST ({operation})", endpoint, login) as told:
            answer = self.transport.upload(
                endpoint, file, size_bytes=size_bytes, headers=headers, seconds=self.limits.upload_s
            )
            told.answered(answer.status, len(answer.body), "")
        return answer

    def renew_challenge(self) -> None:
        """Ask for a new Digest nonce at the next question, so that a refusal can only mean the password."""
        self._challenge = None

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self.transport.close()

    def error(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        """A DeviceError of this device; what it says of the account's secret is cut out of ``detail``."""
        return DeviceError(kind, self.device.id, self.account.masked(detail))

    def words_of(self, fault: Fault) -> str:
        """What a fault says, masked before it is redacted and cut to a length."""
        return self.account.masked(str(fault))

    def _words(self, reply: _Reply) -> str:
        return self.account.masked(reply.said)

    def _got(self, endpoint: Endpoint, authorization: str | None, cap_bytes: int) -> Answer:
        headers = {} if authorization is None else {"Authorization": authorization}
        login = "none" if authorization is None else authorization.partition(" ")[0].lower()
        with telling("GET", endpoint, login) as told:
            answer = self.transport.exchange(
                "GET", endpoint, headers=headers, cap_bytes=cap_bytes, private=True
            )
            told.answered(answer.status, len(answer.body), "")
        return answer

    def _exchanged(self, question: Question) -> _Reply:
        self._require_allowed(question.operation, question.envelope)
        if question.anonymous:
            return self._sent(question, None)
        self._require_rested()
        self._require_no_others_port(question.endpoint)
        mode = self.account.mode
        if mode is None or (mode.has_digest and self._challenge is None):
            reply = self._sent(question, None)
            if not reply.refuses_login:
                return reply
            if quirks.says_not_activated(reply.said):
                raise self.error(DeviceTrouble.NOT_ACTIVATED, sentences.not_activated(self.where))
            self._require_credentials()
            self._take(digest_challenge(reply.challenges))
            if mode is None or self._challenge is None:
                mode = Mode.TOKEN if self._challenge is None else Mode.DIGEST
        return self._logged_in(question, mode)

    def _logged_in(self, question: Question, mode: Mode) -> _Reply:
        """Send with credentials; a refusal that need not mean the password is answered once, differently.

        What came of it is said before the next one may try.
        """
        with contextlib.ExitStack() as turn:
            alone = turn.enter_context(self._trying())
            mode = self._learnt_or(mode)
            reply = self._sent(question, mode)
            other = self._other_way(mode, reply)
            if other is not None:
                if not alone and not self._is_stale():
                    self.account.doubted()
                    turn.enter_context(self._trying())
                self._require_rested()
                mode, reply = other, self._sent(question, other)
            if not reply.refuses_login:
                self.account.mode = mode
                self.account.accepted()
                return reply
            if question.optional and not self.account.refused_option():
                return reply
            raise self._refused(self._words(reply))

    @contextlib.contextmanager
    def _trying(self) -> Iterator[bool]:
        """Credentials may be sent inside; True where nobody else may meanwhile. Raises DeviceError
        AUTH_BACKOFF: they were refused, or others still try them after most of the time there is."""
        with self.account.trying(wait_s=_WAITS_FOR_OTHERS * self.transport.left_s()) as turn:
            self._require_rested()
            if turn is Turn.MISSED:
                raise self._of_the_account(DeviceTrouble.AUTH_BACKOFF, sentences.login_under_way(self.where))
            yield turn is Turn.MINE

    def _is_stale(self) -> bool:
        """Whether the device said itself that only the nonce was too old."""
        return self._challenge is not None and self._challenge.stale

    def _learnt_or(self, mode: Mode) -> Mode:
        """The way another one found while this one waited, where it can be gone with what is known here."""
        learnt = self.account.mode
        if learnt is None or (learnt.has_digest and self._challenge is None):
            return mode
        return learnt

    def _other_way(self, mode: Mode, reply: _Reply) -> Mode | None:
        """How to ask again after a refusal that need not mean the password; None when it does, or when there
        was none."""
        if not reply.refuses_login or quirks.says_locked(reply.said):
            return None
        challenge = digest_challenge(reply.challenges)
        outlived = mode.has_digest and self._challenge_outlived()
        if challenge is not None:
            self._take(challenge)
        if challenge is not None and (challenge.stale or outlived or not mode.has_digest):
            return mode if mode.has_digest else Mode.DIGEST
        if challenge is None and mode is Mode.DIGEST:
            return Mode.BOTH
        if mode.has_token and self._clock_moved(reply):
            return mode
        return None

    def _clock_moved(self, reply: _Reply) -> bool:
        """Read the device's clock again; whether the last token's time was wrong."""
        used = self.account.clock_error_s or 0.0
        try:
            told = self.clock()
        except DeviceError:
            return False
        if told is None:
            told = _http_date(reply.answer)
            if told is None:
                return False
            self.account.set_clock(told, box_utc=self.account.box_utc())
        return abs((self.account.clock_error_s or 0.0) - used) > _CLOCK_MOVED_S

    def _sent(self, question: Question, mode: Mode | None) -> _Reply:
        body, http_headers = self._request(question, mode)
        login = "none" if mode is None else mode.value
        with telling(question.operation, question.endpoint, login) as told:
            with self._doubting():
                answer = self.transport.exchange(
                    "POST",
                    question.endpoint,
                    body=body,
                    headers=http_headers,
                    cap_bytes=question.cap_bytes,
                    repeatable=question.repeatable,
                    again=lambda: self._request(question, mode),
                    private=not question.anonymous,
                )
            reply = self._opened(answer)
            told.answered(answer.status, len(answer.body), self._words(reply))
        return reply

    def _request(self, question: Question, mode: Mode | None) -> tuple[bytes, dict[str, str]]:
        """Body and headers with a token or proof of their own."""
        soap_headers, http_headers = self._credentials(question, mode)
        return soap.with_headers(question.envelope, soap_headers), http_headers

    def _credentials(
        self, question: Question, mode: Mode | None
    ) -> tuple[list[etree._Element], dict[str, str]]:
        """The SOAP and the HTTP headers of a question, with the log-in of ``mode`` in them."""
        soap_headers = list(question.headers)
        http_headers = {"Content-Type": f'{soap.CONTENT_TYPE}; action="{question.action}"'}
        if mode is not None and mode.has_token:
            soap_headers.append(self.account.token())
        if mode is not None and mode.has_digest and self._challenge is not None:
            http_headers["Authorization"] = self.account.authorization(
                self._challenge, "POST", question.endpoint.target
            )
        return soap_headers, http_headers

    def _opened(self, answer: Answer) -> _Reply:
        content_type = answer.header("content-type")
        try:
            body = attachments.envelope_of(answer.body, content_type)
            return _Reply(
                answer, soap.opened(body, content_type, self.limits, vocabulary=self.account.vocabulary), None
            )
        except soap.NotAnEnvelope as error:
            return _Reply(answer, None, self._not_an_envelope(answer, error))

    def _not_an_envelope(self, answer: Answer, error: soap.NotAnEnvelope) -> tuple[DeviceTrouble, str]:
        where, status = self.where, answer.status
        if error.web_page:
            return DeviceTrouble.NO_ONVIF, sentences.web_page(where, status)
        if error.foreign or status in (404, 405):
            detail = sentences.not_onvif(where, f"HTTP {status}, {self.account.quoted(error.why)}")
            return DeviceTrouble.NO_ONVIF, detail
        return DeviceTrouble.BAD_ANSWER, sentences.broken(where, self.account.quoted(error.why))

    def _judged(self, question: Question, reply: _Reply) -> Opened:
        if question.optional and reply.refuses_login:
            detail = sentences.not_supported(self.where, question.operation)
            raise self.error(DeviceTrouble.NOT_SUPPORTED, detail)
        if reply.trouble is not None:
            raise self.error(*reply.trouble)
        opened = reply.opened
        assert opened is not None
        if opened.content is None:
            # Bosch 7.x answers HTTP 500 with an empty body for what it does not have.
            detail = sentences.not_supported(self.where, question.operation)
            raise self.error(DeviceTrouble.NOT_SUPPORTED, detail)
        fault = opened.fault
        if fault is None:
            return self._fitting(question, opened)
        if fault.not_supported:
            detail = sentences.not_supported(self.where, question.operation)
            raise self.error(DeviceTrouble.NOT_SUPPORTED, detail)
        detail = sentences.fault(self.where, question.operation, self._words(reply))
        raise self.error(DeviceTrouble.BAD_ANSWER, detail)

    def _take(self, challenge: Challenge | None) -> None:
        self._challenge = challenge
        self._challenged_at = time.monotonic()

    def _challenge_outlived(self) -> bool:
        """Whether the present nonce may simply be too old: many servers refuse one without saying stale."""
        used = self._challenge is not None and self._challenge.uses > 1
        return used and time.monotonic() - self._challenged_at > _NONCE_TRUSTED_S

    def _fitting(self, question: Question, opened: Opened) -> Opened:
        said = "" if opened.content is None else soap.local_name(opened.content)
        if said == f"{question.operation}Response":
            return opened
        why = self.account.quoted(f"{question.operation} -> {said}", longest=80)
        raise self.error(DeviceTrouble.BAD_ANSWER, sentences.broken(self.where, why))

    def _require_allowed(self, operation: str, envelope: etree._Element | None = None) -> None:
        reads = operation.startswith("Get") or operation in _WRITES_NOTHING
        if reads and (operation != "SetSynchronizationPoint" or not _is_of_media(envelope)):
            self._writing = ""
            return
        if not self.device.writable:
            raise self.error(DeviceTrouble.READ_ONLY, sentences.read_only(self.where, operation))
        if self.account.doorplate is not None:
            self.account.doorplate.before_write(self)
        self._writing = operation
        self._require_not_integrated()

    def _require_not_integrated(self) -> None:
        """Raises DeviceError for a write to what another row of the ledger has as integrated."""
        doorplate = self.account.doorplate
        if self._writing and doorplate is not None and doorplate.may_be_integrated:
            detail = identity_sentences.may_be_integrated(self.where, self._writing)
            raise self.error(DeviceTrouble.READ_ONLY, detail)

    def _require_rested(self) -> None:
        left_s = self.account.rest_left_s()
        if left_s > 0:
            detail = sentences.account_rests(self.where, left_s)
            raise self._of_the_account(DeviceTrouble.AUTH_BACKOFF, detail)

    def _require_own_port(self, endpoint: Endpoint) -> None:
        """Raises DeviceError for a port that may be another device's behind the same address: what a device
        calls its snapshot is an order to whoever gets it."""
        self._require_no_others_port(endpoint)
        if endpoint.port == self.device.port or endpoint.port in _WELL_KNOWN:
            return
        if endpoint.port not in self._listed_ports():
            raise self._foreign(endpoint)

    def require_own_stream(self, port: int) -> None:
        """Raises DeviceError for an RTSP port that is another row's: its stream would get this log-in."""
        if port != self.device.rtsp_port and port in self.account.neighbour_ports():
            detail = rtsp_sentences.foreign_port(self.where, port)
            raise self.error(DeviceTrouble.BAD_ANSWER, detail)

    def _require_no_others_port(self, endpoint: Endpoint) -> None:
        """Raises DeviceError for a port at which another device of the ledger is."""
        if endpoint.port != self.device.port and endpoint.port in self.account.neighbour_ports():
            raise self._foreign(endpoint)

    def _foreign(self, endpoint: Endpoint) -> DeviceError:
        return self.error(DeviceTrouble.BAD_ANSWER, sentences.foreign_port(self.where, endpoint.port))

    def _listed_ports(self) -> frozenset[int]:
        """What the device lists as its own in GetNetworkProtocols; asked once an account."""
        if self.account.listed_ports is None:
            try:
                answer = self.call("devicemgmt", "GetNetworkProtocols", self.device_service, optional=True)
            except DeviceError as error:
                if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                    raise
                answer = None
            self.account.listed_ports = _http_ports(answer)
        return self.account.listed_ports

    @contextlib.contextmanager
    def _doubting(self) -> Iterator[None]:
        """A connection that fails may be the last of this device: who answers next is looked at anew."""
        try:
            yield
        except DeviceError:
            if self.account.doorplate is not None:
                self.account.doorplate.doubt()
            raise

    def _require_credentials(self) -> None:
        if not self.account.username:
            raise self._of_the_account(DeviceTrouble.AUTH_FAILED, sentences.no_password(self.where))

    def _refused(self, said: str) -> DeviceError:
        self.account.refused()
        if quirks.says_locked(said):
            return self.error(DeviceTrouble.AUTH_FAILED, sentences.locked(self.where, said))
        detail = sentences.password_refused(self.where, self.account.username, self.account.rest_s)
        return self._of_the_account(DeviceTrouble.AUTH_FAILED, detail)

    def _of_the_account(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        """Our own words alone: masking a password that is one of them would tell which."""
        return DeviceError(kind, self.device.id, detail)


def _dial(device: Device, account: Account, limits: Limits) -> Dial | None:
    """How every connection to the device is made; None in plain text. One way a device: no downgrade."""
    if not device.tls:
        return None
    assert account.pins is not None, "a device with TLS is not spoken to without its pin"
    return tls.securely(device.id, account.pins, limits=limits)


def _is_of_media(envelope: etree._Element | None) -> bool:
    """Whether a question is one of Media or Media2: there SetSynchronizationPoint changes what an encoder
    does, and with it what everybody else gets who watches."""
    if envelope is None:
        return False
    asked = soap.child(envelope, "Body")
    names = [
        etree.QName(part).namespace for part in (() if asked is None else asked) if isinstance(part.tag, str)
    ]
    return any(name in (NAMESPACES["media"], NAMESPACES["media2"]) for name in names)


def _http_ports(answer: object) -> frozenset[int]:
    """The ports of HTTP and HTTPS in an answer of GetNetworkProtocols; bounded."""
    found = []
    for protocol in reading.each(answer):
        if reading.text(protocol, "Name").upper() in ("HTTP", "HTTPS"):
            found += [port for port in reading.each(reading.child(protocol, "Port")) if isinstance(port, int)]
    return frozenset(found[:_MOST_PORTS])


def plain_question(
    operation: str,
    endpoint: Endpoint,
    content: etree._Element,
    *,
    action: str,
    headers: Iterable[etree._Element] = (),
    optional: bool = False,
    repeatable: bool = True,
    cap_bytes: int | None = None,
) -> Question:
    """A question round one body element, for services without a WSDL here."""
    return Question(
        operation,
        endpoint,
        soap.envelope(content),
        action,
        headers=tuple(headers),
        optional=optional,
        repeatable=repeatable,
        cap_bytes=cap_bytes,
    )


def _told_clock(reply: _Reply) -> datetime | None:
    """UTCDateTime of a GetSystemDateAndTime answer, else the HTTP Date of a refusal; None when unusable.

    LocalDateTime and TimeZone are not read: ``CST+8:00:00`` (Reolink, wrong sign), ``UTC5UTC`` and worse.
    """
    if reply.opened is None or reply.opened.fault is not None:
        return _http_date(reply.answer) if reply.refuses_login else None
    utc = soap.child(reply.opened.content, "SystemDateAndTime", "UTCDateTime")
    parts = [("Date", "Year"), ("Date", "Month"), ("Date", "Day")]
    parts += [("Time", "Hour"), ("Time", "Minute"), ("Time", "Second")]
    try:
        year, month, day, hour, minute, second = (int(soap.child_text(utc, *part)) for part in parts)
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _http_date(answer: Answer) -> datetime | None:
    try:
        told = parsedate_to_datetime(answer.header("date"))
    except (TypeError, ValueError, IndexError):
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)

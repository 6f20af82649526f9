"""How the box logs in to one device, and when it does not: mode, clock offset, rest after a refusal.

Law: one password, tried once; a refused one is not sent again before the rest is over or the operator
says so. Cameras lock accounts after 5 to 7 wrong tries (Reolink for 5 min, Hikvision for 30).
One ``Account`` serves every connection to its device, so that the ladder and the events cannot each try:

    unproven ──trying, one at a time──> accepted: proven, everybody at once
        ^                      └──────> refused: rest, then unproven
        └── a proven one is refused in a way that may mean the password
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from lxml import etree

from agent.devices.digest import Challenge
from agent.devices.habits import HabitBook, Habits
from agent.devices.key_pace import KeyPace
from agent.devices.login_memory import LoginMemory
from agent.devices.pins import Pins
from agent.devices.redact import masked, quoted
from agent.devices.vocabulary import Vocabulary
from agent.model import Secret

if TYPE_CHECKING:
    from agent.devices.doorplate import Doorplate

_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_TOKEN_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"  # noqa: S105 - a namespace
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


_CLAIM_ASKED_EVERY_S = 0.05
_SHORTEST_MASKED = 3
"""A shorter password, which no device takes, would black out every word."""
_UNPROVEN_OPTIONS = 1
"""So many optional questions may be refused before the password was ever accepted: the next is a refusal of
it."""


def _ways_to_write(username: str, password: Secret) -> frozenset[str]:
    plain = password.reveal
    pair = base64.b64encode(f"{username}:{plain}".encode()).decode()
    coded = base64.b64encode(plain.encode()).decode()
    urls = (quote(plain, safe=""), quote(plain), quote_plus(plain))
    written = {plain, " ".join(plain.split()), pair, coded, *urls, escape(plain)}
    return frozenset(way for way in written if len(way) >= _SHORTEST_MASKED)


class Mode(StrEnum):
    """How a device wants to be logged in to (ONVIF Core 5.9.8: Digest first, UsernameToken is legacy)."""

    DIGEST = "digest"
    TOKEN = "wsse"  # noqa: S105 - the name of a mode
    BOTH = "digest+wsse"

    @property
    def has_digest(self) -> bool:
        return self is not Mode.TOKEN

    @property
    def has_token(self) -> bool:
        return self is not Mode.DIGEST


class Turn(Enum):
    """Whether credentials may be sent now."""

    FREE = auto()
    """The credentials are accepted: nobody waits."""
    MINE = auto()
    MISSED = auto()


class Account:
    """The box's log-in at one device. Thread-safe."""

    def __init__(
        self,
        username: str,
        password: Secret,
        *,
        rest_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        memory: LoginMemory | None = None,
        pins: Pins | None = None,
        habits: Habits | None = None,
    ) -> None:
        self.username = username
        self.password = password
        self.pins = pins
        """Who may be shown the credentials, over TLS. A device with TLS is not spoken to without."""
        self.rest_s = rest_s
        self._memory = memory
        self.habits = HabitBook().of("") if habits is None else habits
        self._refused_once = False
        self._noted = None if memory is None else memory.mode()
        self._noted_rest = True
        self._rest_is_noted = False
        self._secrets = _ways_to_write(username, password)
        self.mode: Mode | None = Mode(self._noted) if self._noted in list(Mode) else None
        """None until the device told; kept until it asks otherwise."""
        self.vocabulary = Vocabulary()
        self.listed_ports: frozenset[int] | None = None
        """HTTP ports the device lists as its own; None until it was asked."""
        self.neighbour_ports: Callable[[], frozenset[int]] = frozenset
        """Ports of the same host at which other devices of the ledger are."""
        self.keys = KeyPace()
        """When a key frame may be asked for."""
        self.doorplate: Doorplate | None = None
        """Looked at before credentials are sent; None where nobody keeps a register."""
        self.clock_error_s: float | None = None
        """Device minus box; None until it told."""
        self._monotonic = monotonic
        self._now = now
        self._rests_until: float | None = None
        self._retired = False
        self._lock = threading.Lock()
        self._gate = threading.Lock()
        self._name = secrets.token_hex(8)
        self._proven = False
        self._digest_methods: frozenset[str] = frozenset()
        self._refused_options = 0

    def masked(self, text: str) -> str:
        """``text`` of the device without this account's password, plain or as it is sent: devices know it."""
        return masked(text, self._secrets)

    def quoted(self, text: str, *, longest: int = 120) -> str:
        """``text`` of the device, fit for one line of a message, masked before anything is cut out of it."""
        return quoted(self.masked(text), longest=longest)

    def rest_left_s(self) -> float:
        """Seconds for which the account must still be left alone; 0 when it may be used.

        A rest that was noted and whose note is gone was lifted by hand, beside this process.
        """
        if self._retired:
            return self.rest_s
        with self._lock:
            left = 0.0 if self._rests_until is None else max(0.0, self._rests_until - self._monotonic())
            noted = self._rest_is_noted
        if self._memory is None:
            return left
        if left > 0 and (not noted or self._memory.holds()):
            return left
        if left > 0:
            self.forgiven()
            return 0.0
        return self._memory.rest_left_s(self.username, self.password, rest_s=self.rest_s)

    def retire(self) -> None:
        """The device has another address or log-in: whoever still holds this one does not use it."""
        self._retired = True

    @contextlib.contextmanager
    def trying(self, *, wait_s: float) -> Iterator[Turn]:
        """Held while credentials are sent and until it is said what came of it; who holds it asks
        ``rest_left_s`` before each. MISSED when ``wait_s`` went by while others tried: nothing is sent then.

        Once the credentials were accepted nobody waits. Between processes the claim of ``LoginMemory`` stands
        for it, as long as both use one notebook. Not to be entered again inside.
        """
        ends = time.monotonic() + wait_s
        held = not self._proven and self._gate.acquire(timeout=max(0.0, wait_s))
        try:
            if self._proven:
                yield Turn.FREE
            elif not held or not self._claimed(ends):
                yield Turn.MISSED
            else:
                yield Turn.MINE
        finally:
            if held:
                if self._memory is not None:
                    self._memory.give_back(self._name)
                self._gate.release()

    def _claimed(self, ends: float) -> bool:
        """Waits until no other process tries. False when it still does at ``ends``."""
        while self._memory is not None and not self._memory.claim(self._name):
            if time.monotonic() >= ends:
                return False
            time.sleep(_CLAIM_ASKED_EVERY_S)
        return True

    def knows_digest(self, method: str) -> bool:
        """Whether the device takes Digest for such requests, without the password in clear: a GET is
        told by GETs alone, for makes serve SOAP behind Digest and snapshots behind Basic."""
        by_soap = method == "POST" and self._noted in (Mode.DIGEST, Mode.BOTH)
        return by_soap or method in self._digest_methods

    def doubted(self) -> None:
        """A refusal that may mean the password and may not: until it is settled, one asks at a time."""
        self._proven = False

    def refused_option(self) -> bool:
        """An optional question was refused. Whether that must be taken for the password's refusal: the device
        counts it, whatever it means by it."""
        if self._proven:
            return False
        with self._lock:
            self._refused_options += 1
            return self._refused_options > _UNPROVEN_OPTIONS

    def refused(self) -> None:
        """The device refused the credentials: the rest begins, and the mode is learnt anew afterwards."""
        with self._lock:
            self._proven = False
            self._refused_options = 0
            self._rests_until = self._monotonic() + self.rest_s
            self.mode = None
            self._noted_rest = True
            self._refused_once = True
            if self._memory is not None:
                self._rest_is_noted = self._memory.refused(self.username, self.password, rest_s=self.rest_s)

    def accepted(self, *, digest_for: str = "") -> None:
        """The device accepted the credentials; ``digest_for``: the method of a Digest outside of SOAP."""
        self._digest_methods |= {digest_for}
        self.forgiven()
        self._refused_options = 0
        self._proven = True
        mode = self.mode
        if mode is None or mode == self._noted:
            return
        self._noted = mode.value
        self.habits.logged_in(mode.value)
        if self._memory is not None:
            self._memory.note_mode(mode.value)

    def heard(self, root: etree._Element, server: str) -> None:
        """An answer before any log-in: another device of its kind may have shown how this one wants it.

        Never after a refusal: what was guessed once is not guessed again.
        """
        self.habits.heard(root, server)
        guess = self.habits.login_mode()
        if self.mode is None and not self._refused_once and guess in list(Mode):
            self.mode = Mode(guess)

    def forgiven(self) -> None:
        """The operator changed something: the next try may come at once."""
        with self._lock:
            self._rests_until = None
            written, self._noted_rest = self._noted_rest, False
        if written and self._memory is not None:
            self._memory.lifted()

    def authorization(self, challenge: Challenge, method: str, target: str) -> str:
        """The Authorization header that answers a Digest challenge for one request."""
        return challenge.authorization(method, target, username=self.username, password=self.password)

    def basic(self) -> str:
        """The Authorization header of HTTP Basic, for snapshots of devices that offer nothing else."""
        pair = f"{self.username}:{self.password.reveal}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    def token(self) -> etree._Element:
        """A fresh wsse:Security header, its time by the device's clock, written with Z.

        PasswordDigest = Base64(SHA1(nonce + created + password)), UsernameToken Profile 1.0.
        """
        nonce = secrets.token_bytes(16)
        created = (self._now() + timedelta(seconds=self.clock_error_s or 0.0)).astimezone(UTC)
        written = created.strftime("%Y-%m-%dT%H:%M:%SZ")
        proof = hashlib.sha1(
            nonce + written.encode() + self.password.reveal.encode(), usedforsecurity=False
        ).digest()
        security = etree.Element(f"{{{_WSSE}}}Security", nsmap={"wsse": _WSSE, "wsu": _WSU})
        token = etree.SubElement(security, f"{{{_WSSE}}}UsernameToken")
        etree.SubElement(token, f"{{{_WSSE}}}Username").text = self.username
        password = etree.SubElement(token, f"{{{_WSSE}}}Password", Type=f"{_TOKEN_PROFILE}#PasswordDigest")
        password.text = base64.b64encode(proof).decode()
        once = etree.SubElement(token, f"{{{_WSSE}}}Nonce", EncodingType=_BASE64)
        once.text = base64.b64encode(nonce).decode()
        etree.SubElement(token, f"{{{_WSU}}}Created").text = written
        return security

    def set_clock(self, device_utc: datetime, *, box_utc: datetime) -> float:
        """Note what the device's clock showed; returns device minus box in seconds.

        Half a second is added because devices tell whole seconds, cut off.
        """
        error = (device_utc - box_utc).total_seconds()
        if device_utc.microsecond == 0:
            error += 0.5
        self.clock_error_s = error
        return error

    def box_utc(self) -> datetime:
        """The box's wall clock."""
        return self._now()

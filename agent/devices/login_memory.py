"""What a restart must not forget of a log-in: how the device wants it, and that a password was refused.

Law: a password that was refused rests for its full time, whoever starts anew, the service after a power cut
or the command line beside it: 200 restarts cost no more tries than one. New credentials lift the rest: the
noted ones are told apart by four bytes of a scrypt hash, too few to find the password by.
Wall time is all that outlives a restart: a rest never lasts longer than one full rest from now, wherever the
clock jumped; a clock that jumps forward ends it early, at the cost of one try.
A first try is claimed beforehand, so that the service and the command line beside it do not make it both.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import StoreFull
from agent.model import Secret
from agent.ports import Notebook

REST_TOPIC = "login_rest"
STREAM_REST_TOPIC = "stream_rest"
"""The rest of a log-in that the stream alone refused."""
MODE_TOPIC = "login_mode"
CLAIM_TOPIC = "login_claim"
CLAIM_S = 10.0
"""How long a claim holds that nobody gave back: a process that died within a try, of 8 s at most."""
_SALT_BYTES = 16
_PROOF_BYTES = 4


@dataclass(frozen=True, slots=True)
class LoginMemory:
    """The notes of one device's log-in. Thread-safe as the notebook is."""

    notebook: Notebook
    device: str
    unix: Callable[[], float] = time.time
    rest_topic: str = REST_TOPIC

    def rest_left_s(self, username: str, password: Secret, *, rest_s: float) -> float:
        """Seconds for which these credentials must still be left alone; 0 when they may be tried."""
        told = self._told()
        if told is None:
            return 0.0
        salt, proof, until = told
        left_s = min(until - self.unix(), rest_s)
        if left_s <= 0 or _proof(username, password, salt) != proof:
            return 0.0
        return left_s

    def holds(self) -> bool:
        """Whether a refusal is noted; who lifts a rest strikes the note, by hand also beside the box."""
        return self.notebook.noted(self.device, self.rest_topic) is not None

    def refused(self, username: str, password: Secret, *, rest_s: float) -> bool:
        """Note that these credentials were refused now; False when the disk does not take it."""
        salt = secrets.token_bytes(_SALT_BYTES)
        proof = base64.b64encode(_proof(username, password, salt)).decode()
        document = {"salt": base64.b64encode(salt).decode(), "proof": proof, "until": self.unix() + rest_s}
        try:
            self.notebook.note(self.device, self.rest_topic, json.dumps(document))
        except StoreFull:
            return False
        return True

    def lifted(self) -> None:
        """The credentials were accepted, or the operator says so."""
        with contextlib.suppress(StoreFull):
            self.notebook.strike(self.device, self.rest_topic)

    def mode(self) -> str | None:
        """How the device was logged in to last; None when that is not known."""
        return self.notebook.noted(self.device, MODE_TOPIC)

    def note_mode(self, mode: str) -> None:
        """Remember how it was logged in to."""
        with contextlib.suppress(StoreFull):
            self.notebook.note(self.device, MODE_TOPIC, mode)

    def claim(self, owner: str) -> bool:
        """Whether ``owner`` may make the first try now; False while another process makes one.

        Two that claim within the same milliseconds may both be told True: a note is no compare-and-set.
        """
        if self._claimed_by() not in (None, owner):
            return False
        try:
            document = json.dumps({"owner": owner, "until": self.unix() + CLAIM_S})
            self.notebook.note(self.device, CLAIM_TOPIC, document)
        except StoreFull:
            return True
        return self._claimed_by() in (None, owner)

    def give_back(self, owner: str) -> None:
        """The try came to its end."""
        with contextlib.suppress(StoreFull):
            if self._claimed_by() == owner:
                self.notebook.strike(self.device, CLAIM_TOPIC)

    def _claimed_by(self) -> str | None:
        document = self.notebook.noted(self.device, CLAIM_TOPIC)
        if document is None:
            return None
        try:
            told = json.loads(document)
            owner, until = str(told["owner"]), float(told["until"])
        except (ValueError, KeyError, TypeError):
            return None
        return owner if 0 < until - self.unix() <= CLAIM_S else None

    def _told(self) -> tuple[bytes, bytes, float] | None:
        document = self.notebook.noted(self.device, self.rest_topic)
        if document is None:
            return None
        try:
            told = json.loads(document)
            return base64.b64decode(told["salt"]), base64.b64decode(told["proof"]), float(told["until"])
        except (ValueError, KeyError, TypeError):
            return None


def _proof(username: str, password: Secret, salt: bytes) -> bytes:
    tried = f"{username}\0{password.reveal}".encode()
    return hashlib.scrypt(tried, salt=salt, n=2**12, r=8, p=1, dklen=_PROOF_BYTES)

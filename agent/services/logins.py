"""Which log-in the box uses for each device: the vault's, into which a new password file goes once.

    password file ──new or changed──> vault ──> device        command line ──two phases──> vault ──> device
                                        ^── a change that was cut off is settled before the device is climbed

Law: what the vault holds counts; a file counts again only when somebody changed it. A change that another
process has under way is left to it for ``CLAIM_S``. Nobody tries a password more than once to find out.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.errors import AgentError, ConfigError, DeviceError, StoreFull
from agent.model import Device
from agent.ports import Credentials, Notebook, Vault
from runtime.clock import Clock

log = logging.getLogger(__name__)

CREDENTIALS_TOPIC = "credentials"
CLAIM_TOPIC = "password_change"
CLAIM_S = 60.0
"""Longer than a change takes: a write and two log-ins of at most 8 s each."""
POLL_S = 1.0
AGAIN_S = 30.0
_OF_THE_FILE = "/file"
"""Behind a ledger id: what its password file said last. No ledger id holds a slash."""

Settle = Callable[[Device], bool]
"""Decides a change that was begun: True when it is decided, False when it must be tried much later.
Raises DeviceError when the device cannot be asked now."""


@dataclass(slots=True)
class _Waiting:
    device: Device
    then: Callable[[Device], None] | None
    due_s: float


class Logins:
    """``step`` runs on a worker; ``of`` and ``entrust`` at the start and when a device is found."""

    def __init__(
        self,
        vault: Vault,
        notebook: Notebook,
        *,
        settle: Settle,
        use: Callable[[Device], None],
        clock: Clock,
        rest_s: float = 600.0,
    ) -> None:
        self._vault = vault
        self._notebook = notebook
        self._settle = settle
        self._use = use
        self._clock = clock
        self._rest_s = rest_s
        self._devices: dict[str, Device] = {}
        self._sealed = notebook.notes(CREDENTIALS_TOPIC)
        self._waiting: dict[str, _Waiting] = {}

    def entrust(self, device: Device, then: Callable[[Device], None]) -> None:
        """Hand ``then`` the device with the log-in that counts; one that was cut off is settled before."""
        device = login_of(device, self._vault)
        self._devices[device.id] = device
        if _pending(self._vault, device.id):
            self._waiting[device.id] = _Waiting(device, then, self._clock.monotonic())
        else:
            then(device)

    def replace(self, device: Device) -> None:
        """The device has another address: a change is settled there."""
        self._devices[device.id] = device
        waiting = self._waiting.get(device.id)
        if waiting is not None:
            waiting.device = device

    def remove(self, device: str) -> None:
        """The device is no longer looked after, and what its file said is forgotten. Raises StoreFull."""
        self._devices.pop(device, None)
        self._waiting.pop(device, None)
        self._notebook.strike_all(device + _OF_THE_FILE)

    def step(self) -> float:
        """Settle what is open, and use what another process wrote into the vault."""
        for name, waiting in list(self._waiting.items()):
            if waiting.due_s <= self._clock.monotonic() and not is_claimed(self._notebook, name, self._clock):
                self._try(waiting)
        sealed = self._notebook.notes(CREDENTIALS_TOPIC)
        changed = [name for name, record in sealed.items() if self._sealed.get(name) != record]
        self._sealed = sealed
        for name in changed:
            self._look(name)
        return POLL_S

    def _try(self, waiting: _Waiting) -> None:
        """One attempt; a device that cannot be asked is watched meanwhile with the log-in it had."""
        pause_s = AGAIN_S
        try:
            settled = self._settle(waiting.device)
            pause_s = self._rest_s
        except DeviceError as error:
            settled = False
            log.info("device=%s kind=%s password change stays open", waiting.device.id, error.kind)
        if self._waiting.get(waiting.device.id) is not waiting:
            return  # no longer looked after
        then, waiting.then = waiting.then, None
        if settled:
            self._waiting.pop(waiting.device.id, None)
        else:
            waiting.due_s = self._clock.monotonic() + pause_s
        if then is not None:
            device = with_login(waiting.device, self._vault)
            self._devices[device.id] = device
            then(device)
        elif settled:
            self._look(waiting.device.id)

    def _look(self, name: str) -> None:
        device = self._devices.get(name)
        if device is None:
            return
        if _pending(self._vault, name):
            due_s = self._clock.monotonic() + 2 * POLL_S
            self._waiting.setdefault(name, _Waiting(device, None, due_s))
            return
        self._waiting.pop(name, None)
        after = with_login(device, self._vault)
        if (after.username, after.password) != (device.username, device.password):
            log.info("device=%s has another log-in", name)
            self._devices[name] = after
            self._use(after)


def login_of(device: Device, vault: Vault) -> Device:
    """``device`` comes with the log-in of its password file; it leaves with the one that counts.

    A file that is new or changed is sealed first. A vault that cannot be read or written is passed by: the
    file's log-in is used.
    """
    told = Credentials(device.username, device.password)
    if device.username and not device.password.reveal and _held(vault, device.id) is not None:
        return with_login(device, vault)  # no file (any more): what was sealed counts
    try:
        if device.username and _held(vault, device.id + _OF_THE_FILE) != told:
            held = _held(vault, device.id)
            pending = None if held is None else held.pending
            vault.keep(device.id, replace(told, pending=pending))
            vault.keep(device.id + _OF_THE_FILE, told)
    except AgentError as error:
        log.error("device=%s password is not sealed: %s", device.id, error)
        return device
    return with_login(device, vault)


def with_login(device: Device, vault: Vault) -> Device:
    """``device`` with the vault's log-in; as it is where the vault has none."""
    held = _held(vault, device.id)
    if held is None:
        return device
    return replace(device, username=held.username, password=held.password)


def claim(notebook: Notebook, device: str, clock: Clock) -> None:
    """Say that a change of this device's password is under way in this process."""
    with contextlib.suppress(StoreFull):
        notebook.note(device, CLAIM_TOPIC, f"{clock.now().timestamp() + CLAIM_S:.0f}")


def disclaim(notebook: Notebook, device: str) -> None:
    """The change is over, whatever came of it."""
    with contextlib.suppress(StoreFull):
        notebook.strike(device, CLAIM_TOPIC)


def is_claimed(notebook: Notebook, device: str, clock: Clock) -> bool:
    """Whether another process has a change under way. A claim holds for ``CLAIM_S`` at the most."""
    document = notebook.noted(device, CLAIM_TOPIC)
    if document is None or not document.isdigit():
        return False
    return 0 < int(document) - clock.now().timestamp() <= CLAIM_S + 1


def _pending(vault: Vault, device: str) -> bool:
    held = _held(vault, device)
    return held is not None and held.pending is not None


def _held(vault: Vault, name: str) -> Credentials | None:
    """What the vault has; None also when its key does not open it: the password is to be given again."""
    try:
        return vault.find(name)
    except ConfigError as error:
        log.error("%s: %s", error.where, "; ".join(error.problems))
        return None

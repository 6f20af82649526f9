"""Accounts on a device: listed, our own operator made and taken away, one password changed.

Law: only accounts the box made itself are deleted; nobody's password is changed but the one named. A password
goes to the device in the request alone: never in a message, a log line or an error.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from lxml import etree

from agent.devices import sentences
from agent.devices.settings.surface import SCHEMA, Surface, named
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Secret

OWN_NAME = "outpost"
OPERATOR = "Operator"
LENGTH = 16
"""The longest password every make takes (Bosch 19, most 16)."""
_TDS = NAMESPACES["devicemgmt"]
_SIGNS = "-_.!"


@dataclass(frozen=True, slots=True)
class User:
    """One account; its level is Administrator, Operator, User or Anonymous."""

    name: str
    level: str


class Accounts:
    """The accounts of one device."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def all(self) -> tuple[User, ...]:
        """Every account the device tells of. Raises DeviceError."""
        with self._surface.lock:
            return self._all()

    def add_own(self, *, name: str = OWN_NAME, password: Secret | None = None) -> Secret:
        """Make an Operator of our own; returns its password, random where none is given.

        Raises DeviceError: READ_ONLY, BAD_VALUE when the name is taken or the password is refused, NOT_KEPT.
        """
        secret = password or new_password()
        with self._surface.lock:
            self._require_writable("CreateUsers")
            if any(user.name == name for user in self._all()):
                raise self._error(
                    DeviceTrouble.BAD_VALUE, sentences.account_exists(self._surface.where, name)
                )
            self._surface.ask("devicemgmt", "CreateUsers", _user(name, secret, OPERATOR))
            if User(name, OPERATOR) not in self._all():
                missing = sentences.not_kept(self._surface.where, [f"CreateUsers: {name}"])
                raise self._error(DeviceTrouble.NOT_KEPT, missing)
        return secret

    def remove_own(self, *, name: str = OWN_NAME) -> None:
        """Take our Operator away; no effect when it is not there. Never an account of another level."""
        with self._surface.lock:
            self._require_writable("DeleteUsers")
            user = next((one for one in self._all() if one.name == name), None)
            if user is None:
                return
            if user.level != OPERATOR or name == self._surface.device.username:
                detail = sentences.not_our_account(self._surface.where, name, user.level)
                raise self._error(DeviceTrouble.BAD_VALUE, detail)
            self._surface.ask("devicemgmt", "DeleteUsers", named("devicemgmt", "Username", name))
            if any(one.name == name for one in self._all()):
                left = sentences.not_kept(self._surface.where, [f"DeleteUsers: {name}"])
                raise self._error(DeviceTrouble.NOT_KEPT, left)

    def set_password(self, name: str, password: Secret) -> None:
        """One SetUser, sent once. What came of it only a log-in tells: see ``upkeep.password``."""
        with self._surface.lock:
            self._require_writable("SetUser")
            level = next((user.level for user in self._all() if user.name == name), "Administrator")
            self._surface.ask("devicemgmt", "SetUser", _user(name, password, level))

    def _all(self) -> tuple[User, ...]:
        answer = self._surface.ask("devicemgmt", "GetUsers")
        users = (
            node for node in answer if local_name(node) == "User" and child(node, "Username") is not None
        )
        return tuple(User(child_text(node, "Username"), child_text(node, "UserLevel")) for node in users)

    def _require_writable(self, operation: str) -> None:
        if not self._surface.writable:
            detail = sentences.read_only(self._surface.where, operation)
            raise self._error(DeviceTrouble.READ_ONLY, detail)

    def _error(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        return self._surface.error(kind, detail)


def new_password() -> Secret:
    """16 random characters of four kinds, none that a device's XML or URL handling might mangle."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SIGNS)
    chosen = [secrets.choice(kind) for kind in kinds]
    chosen += [secrets.choice("".join(kinds)) for _ in range(LENGTH - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return Secret("".join(chosen))


def _user(name: str, password: Secret, level: str) -> etree._Element:
    return element(
        _TDS,
        "User",
        element(SCHEMA, "Username", text=name),
        element(SCHEMA, "Password", text=password.reveal),
        element(SCHEMA, "UserLevel", text=level),
    )

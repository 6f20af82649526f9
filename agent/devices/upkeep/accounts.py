"""Accounts on a device: listed, our own operator made, given a level and taken away, one password changed.

Law: an administrator and the account logged in with are never made, lowered or deleted here; nobody's
password is changed but the one named. A password goes to the device in the request alone: never in a message,
a log line or an error.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

from lxml import etree

from agent.devices import sentences
from agent.devices.settings.surface import SCHEMA, Surface, named
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.upkeep import account_sentences
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Secret

OWN_NAME = "outpost"
OPERATOR = "Operator"
LEVELS = (OPERATOR, "User")
"""What an account of ours may be: enough for everything the box does by day, never an administrator."""
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

    def add_own(
        self, *, name: str = OWN_NAME, password: Secret | None = None, level: str = OPERATOR
    ) -> Secret:
        """Make an account of our own, never an administrator; its password, random where none is given.

        Raises DeviceError: READ_ONLY, BAD_VALUE when the name is taken or the password is refused, NOT_KEPT.
        """
        secret = password or new_password()
        with self._surface.lock:
            self._require_writable("CreateUsers")
            if len(secret.reveal) > LENGTH:
                detail = account_sentences.password_too_long(self._surface.where, LENGTH)
                raise self._error(DeviceTrouble.BAD_VALUE, detail)
            if any(user.name == name for user in self._all()):
                raise self._error(
                    DeviceTrouble.BAD_VALUE, sentences.account_exists(self._surface.where, name)
                )
            self._require_level(level)
            self._surface.ask("devicemgmt", "CreateUsers", _user(name, secret, level))
            if User(name, level) not in self._all():
                missing = sentences.not_kept(self._surface.where, [f"CreateUsers: {name}"])
                raise self._error(DeviceTrouble.NOT_KEPT, missing)
        return secret

    def remove_own(self, *, name: str = OWN_NAME) -> None:
        """Take an account away; no effect when it is not there. Never an administrator or our log-in."""
        with self._surface.lock:
            self._require_writable("DeleteUsers")
            user = next((one for one in self._all() if one.name == name), None)
            if user is None:
                return
            if user.level not in LEVELS or name == self._surface.device.username:
                detail = sentences.not_our_account(self._surface.where, name, user.level)
                raise self._error(DeviceTrouble.BAD_VALUE, detail)
            self._surface.ask("devicemgmt", "DeleteUsers", named("devicemgmt", "Username", name))
            if any(one.name == name for one in self._all()):
                left = sentences.not_kept(self._surface.where, [f"DeleteUsers: {name}"])
                raise self._error(DeviceTrouble.NOT_KEPT, left)

    def set_level(self, name: str, level: str) -> User:
        """Another level for an account below administrator; its password stays.

        Raises DeviceError: READ_ONLY; BAD_VALUE for an account that is not there, for an administrator or the
        account logged in with (nothing was sent), NOT_KEPT.
        """
        with self._surface.lock:
            self._require_writable("SetUser")
            self._require_level(level)
            user = self._listed(name)
            if user.level not in LEVELS or name == self._surface.device.username:
                detail = account_sentences.level_not_ours(self._surface.where, name, user.level)
                raise self._error(DeviceTrouble.BAD_VALUE, detail)
            self._surface.ask("devicemgmt", "SetUser", _user(name, None, level))
            after = next((one for one in self._all() if one.name == name), None)
            if after != User(name, level):
                lost = sentences.kept_instead(name, level, None if after is None else after.level)
                detail = sentences.not_kept(self._surface.where, [f"SetUser: {lost}"])
                raise self._error(DeviceTrouble.NOT_KEPT, detail)
            return after

    def set_password(self, name: str, password: Secret) -> None:
        """One SetUser, sent once, with the level the account has. What came of it only a log-in tells: see
        ``upkeep.password``.

        Raises DeviceError: READ_ONLY; BAD_VALUE for an account the device does not list (nothing was sent).
        """
        with self._surface.lock:
            self._require_writable("SetUser")
            level = self._listed(name).level
            self._surface.ask("devicemgmt", "SetUser", _user(name, password, level))

    def _listed(self, name: str) -> User:
        users = self._all()
        user = next((one for one in users if one.name == name), None)
        if user is None:
            there = ", ".join(one.name for one in users)
            detail = account_sentences.no_account(self._surface.where, name, there)
            raise self._error(DeviceTrouble.BAD_VALUE, detail)
        return user

    def _all(self) -> tuple[User, ...]:
        answer = self._surface.ask("devicemgmt", "GetUsers")
        users = (
            node for node in answer if local_name(node) == "User" and child(node, "Username") is not None
        )
        return tuple(User(child_text(node, "Username"), child_text(node, "UserLevel")) for node in users)

    def _require_level(self, level: str) -> None:
        if level not in LEVELS:
            detail = account_sentences.no_level(self._surface.where, level, LEVELS)
            raise self._error(DeviceTrouble.BAD_VALUE, detail)

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


def _user(name: str, password: Secret | None, level: str) -> etree._Element:
    """``tds:User``; without a password the device keeps the one it has (ONVIF Core 8.4.4)."""
    parts = [element(SCHEMA, "Username", text=name)]
    if password is not None:
        parts.append(element(SCHEMA, "Password", text=password.reveal))
    return element(_TDS, "User", *parts, element(SCHEMA, "UserLevel", text=level))

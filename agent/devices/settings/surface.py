"""How settings reach a device: one session for all aspects, raw SOAP so that elements come back as they were.

Law: a write that the device refuses says why in its own words; a device of class INTEGRATED is sent none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from lxml import etree

from agent.devices import sentences
from agent.devices.account import Account
from agent.devices.address import Endpoint, device_service
from agent.devices.identity import Whereabouts, read_whereabouts
from agent.devices.limits import Limits
from agent.devices.session import Session, plain_question
from agent.devices.settings import refusals
from agent.devices.soap import Fault, element
from agent.devices.wsdl import NAMESPACES, Services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device

_VALUE_REFUSED = frozenset(
    {
        "InvalidArgVal",
        "InvalidArgs",
        "InvalidArg",
        "ConfigModify",
        "SettingsInvalid",
        "PasswordTooLong",
        "PasswordTooWeak",
        "Password",
        "UsernameTooLong",
        "UsernameTooShort",
        "UsernameClash",
        "TooManyUsers",
        "FieldLocked",
        "FixedUser",
    }
)
_ACTIONS = {"deviceio": "http://www.onvif.org/ver10/deviceio/wsdl"}
"""Actions that are not the namespace and the operation's name (deviceio.wsdl)."""
_OWN_NAMESPACE = {"schema": "http://www.onvif.org/ver10/schema"}
SCHEMA = _OWN_NAMESPACE["schema"]


class Surface:
    """Questions about settings to one device. ``lock`` is held for the whole of a read or a write."""

    def __init__(self, device: Device, account: Account, services: Services, *, limits: Limits) -> None:
        self.device = device
        self.limits = limits
        self.session = Session(device, account, services, limits=limits)
        self.lock = threading.Lock()
        self._whereabouts: Whereabouts | None = None

    @property
    def where(self) -> str:
        """The device's address, as people are told."""
        return self.session.where

    @property
    def port(self) -> int:
        """The port by which the device is asked now."""
        return self.session.device_service.port

    def follow_to(self, port: int) -> None:
        """The device was told to move the port by which it is asked: ask there from now on."""
        self.device = self.session.device = replace(self.device, port=port)
        self.session.device_service = device_service(self.device)
        self._whereabouts = None

    @property
    def writable(self) -> bool:
        """Whether anything may be written at all (invariant 9)."""
        return self.device.writable

    def has(self, service: str) -> bool:
        """Whether the device has a service. Raises DeviceError when that cannot be asked."""
        return service == "devicemgmt" or self.find(service) is not None

    def find(self, service: str) -> Endpoint | None:
        """Where a service is; None when the device has it not. Raises DeviceError when it cannot be asked."""
        return self._found().find(service)

    def ask(
        self,
        service: str,
        operation: str,
        *parts: etree._Element,
        optional: bool = False,
        may_be_empty: bool = False,
        at: str = "",
    ) -> etree._Element:
        """The answer's body element. Raises DeviceError: NOT_SUPPORTED, BAD_VALUE, READ_ONLY and the rest.

        ``at``: another service that has the operation too (DeviceIO those of relays).
        """
        endpoint = self._endpoint(at or service, operation)
        content = element(NAMESPACES[service], operation, *parts)
        action = f"{_ACTIONS.get(at or service, NAMESPACES[service])}/{operation}"
        # A write is sent at most once: SetPreset twice would store two.
        question = plain_question(
            operation,
            endpoint,
            content,
            action=action,
            optional=optional,
            repeatable=operation.startswith("Get"),
        )
        opened = self.session.faulty(question)
        if opened.fault is not None:
            raise self._refused(operation, opened.fault)
        if opened.content is None or (
            operation.startswith("Get") and len(opened.content) == 0 and not may_be_empty
        ):
            # Bosch 7.x: HTTP 500 with an empty body; onvif_srvd: an empty answer to what it does not know.
            raise self.error(DeviceTrouble.NOT_SUPPORTED, sentences.not_supported(self.where, operation))
        return opened.content

    def error(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        """A DeviceError of this device."""
        return self.session.error(kind, detail)

    def forget(self) -> None:
        """The device may be another one now, or moved its services: ask anew."""
        self._whereabouts = None

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self.session.close()

    def _found(self) -> Whereabouts:
        if self._whereabouts is None:
            if self.session.account.clock_error_s is None:
                self.session.clock()
            self._whereabouts = read_whereabouts(self.session)
        return self._whereabouts

    def _endpoint(self, service: str, operation: str) -> Endpoint:
        if service == "devicemgmt":
            if self.session.account.clock_error_s is None:
                self.session.clock()
            return self.session.device_service
        endpoint = self._found().find(service)
        if endpoint is None:
            raise self.error(DeviceTrouble.NOT_SUPPORTED, sentences.not_supported(self.where, operation))
        return endpoint

    def _refused(self, operation: str, fault: Fault) -> DeviceError:
        if fault.not_supported:
            return self.error(DeviceTrouble.NOT_SUPPORTED, sentences.not_supported(self.where, operation))
        said = self.session.words_of(fault)
        if _VALUE_REFUSED.intersection(fault.codes):
            detail = refusals.value_refused(self.where, operation, said)
            return self.error(DeviceTrouble.BAD_VALUE, detail)
        return self.error(DeviceTrouble.BAD_ANSWER, sentences.fault(self.where, operation, said))


def named(service: str, name: str, text: str) -> etree._Element:
    """A parameter of a request: an element of the service's namespace with a text."""
    return element(NAMESPACES[service], name, text=text)


def renamed(node: etree._Element, service: str, name: str) -> etree._Element:
    """A configuration element as the parameter of a write: the same content under another name."""
    node.tag = f"{{{NAMESPACES[service]}}}{name}"
    node.tail = None
    return node


def tokens(nodes: Iterable[etree._Element]) -> list[str]:
    """The token attributes of some elements, in order."""
    return [token for node in nodes if (token := (node.get("token") or "").strip())]

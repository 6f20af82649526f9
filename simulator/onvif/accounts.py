"""Answers what concerns accounts: GetUsers, CreateUsers, SetUser, DeleteUsers. Passwords are never told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from lxml import etree

from simulator.device.device import Device
from simulator.device.users import AccountRefused, Level
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, local_name, node

TDS = NAMESPACES["tds"]
_WRITES = (
    "Set",
    "Add",
    "Create",
    "Delete",
    "Remove",
    "Modify",
    "Operate",
    "Start",
    "System",
    "Restore",
    "Upgrade",
)
_OPERATORS = frozenset({NAMESPACES[name] for name in ("trt", "tr2", "timg", "tptz")})


def is_write(operation: str) -> bool:
    """Whether an operation changes the device."""
    return operation.startswith(_WRITES) and operation != "SetSynchronizationPoint"


def forbidden(device: Device, request: SoapRequest) -> bool:
    """Whether the account that logged in may not do this (ONVIF Core 5.9.4.3, default access policy)."""
    caller = device.users.caller
    if caller is None or not is_write(request.operation) or request.namespace == NAMESPACES["tev"]:
        return False  # every account may listen to events
    actuates = request.namespace in _OPERATORS or request.operation == "SetRelayOutputState"
    least = Level.OPERATOR if actuates else Level.ADMINISTRATOR
    return caller.level.rank < least.rank


def get_users(device: Device, _request: SoapRequest) -> Xml:
    """All accounts with their levels."""
    return node(
        "tds:GetUsersResponse",
        *(
            node("tds:User", node("tt:Username", one.username), node("tt:UserLevel", str(one.level)))
            for one in device.users.all()
        ),
    )


def create_users(device: Device, request: SoapRequest) -> Xml:
    """New accounts."""
    for name, password, level in _written(request):
        _carried(device, partial(device.users.create, name, password or "", level))
    return node("tds:CreateUsersResponse")


def set_user(device: Device, request: SoapRequest) -> Xml:
    """Other passwords and levels."""
    for name, password, level in _written(request):
        _carried(device, partial(device.users.change, name, password, level))
    return node("tds:SetUserResponse")


def delete_users(device: Device, request: SoapRequest) -> Xml:
    """Accounts taken away."""
    for element in request.body:
        _carried(device, partial(device.users.delete, (element.text or "").strip()))
    return node("tds:DeleteUsersResponse")


def _carried(device: Device, change: Callable[[], None]) -> None:
    if device.faults.lying_set:
        return
    try:
        change()
    except AccountRefused as error:
        raise SoapFault(
            "Sender", "ter:OperationProhibited", f"ter:{error.code}", reason=str(error)
        ) from error


def _written(request: SoapRequest) -> Iterable[tuple[str, str | None, str]]:
    for user in request.body:
        if local_name(user) == "User":
            yield _text(user, "Username") or "", _text(user, "Password"), _text(user, "UserLevel") or ""


def _text(user: etree._Element, name: str) -> str | None:
    return next(((part.text or "") for part in user if local_name(part) == name), None)


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TDS, "GetUsers"): get_users,
    (TDS, "CreateUsers"): create_users,
    (TDS, "SetUser"): set_user,
    (TDS, "DeleteUsers"): delete_users,
}

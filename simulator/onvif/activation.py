"""Decides what a device says that has no password yet, and how it is given one.

Law: before activation every SOAP operation is refused with the device's own text and no stream is given; its
web page is the only door, and the first password that is strong enough opens everything.
Source: Hikvision from firmware 5.3.0 on ships without a password.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.device.device import Device
from simulator.device.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from simulator.onvif.soap import SoapFault

PATH = "/activation"
PAGE = (
    "<!DOCTYPE html><html><head><title>Activation 激活</title></head><body>"
    f"<form method='post' action='{PATH}'><label>admin <input type='password' name='password'></label>"
    "<button>Activate 激活</button></form></body></html>"
)


def refusal() -> SoapFault:
    """What is answered to every operation."""
    return SoapFault(
        "Sender",
        "ter:NotAuthorized",
        reason="The device is not activated",
        detail="Set the administrator's password on the device's own page first",
        status=403,
    )


def activate(device: Device, form: Mapping[str, list[str]]) -> bool:
    """Take the administrator's first password; False when it is too weak or there is one already."""
    password = next(iter(form.get("password", [])), "")
    kinds = [any(map(kind, password)) for kind in (str.isdigit, str.isalpha, str.isupper, str.islower)]
    strong = SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD and sum(kinds) >= 2
    if not device.faults.not_activated or not strong:
        return False
    device.users.change(device.users.username, password, "Administrator")
    device.switch({"not_activated": False})
    device.counters["activations"] += 1
    return True

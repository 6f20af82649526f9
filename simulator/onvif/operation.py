"""Decides the form of every ONVIF operation: a device and a request in, the body's element out.

Law: an operation touches no socket; what it cannot do it raises as a SoapFault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from simulator.device.device import Device
from simulator.onvif.soap import SoapRequest, Xml

Operation = Callable[[Device, SoapRequest], Xml | Awaitable[Xml]]

"""The only room that knows ONVIF, zeep, HTTP to devices, RTSP log-ins and SIP.

Law: whatever a device sends, a caller gets a value or a DeviceError, within a bounded time.
"""

from agent.devices.limits import Limits
from agent.devices.redact import redact
from agent.devices.room import OnvifRoom, identify

__all__ = ["Limits", "OnvifRoom", "identify", "redact"]

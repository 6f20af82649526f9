"""A virtual county: devices that speak ONVIF, RTSP and SIP as makes in the field do, with faults as switches.

Law: nothing here imports protocol, runtime, agent or controller, so it cannot share their mistakes.
"""

"""The ONVIF face of a device: SOAP over HTTP, credentials, services and WS-Discovery."""

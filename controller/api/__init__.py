"""The REST door of the centre: ``/v1/...``, OpenAPI 3.1, RFC 9457 problems."""

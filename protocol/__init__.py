"""The wire contract between a village box and the county centre.

Pure: needs pydantic and the standard library, does no I/O, knows neither side. Everything that
crosses MQTT is defined here once, and the JSON Schemas and the AsyncAPI document in
``docs/ref/`` are generated from these models.
"""

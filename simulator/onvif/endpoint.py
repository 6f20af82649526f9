"""Decides how one device answers HTTP: which fault comes first, who is let in, which service answers.

Law: the order is plug, silence, delay, hostile answer, credentials, operation; every request is counted once.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from urllib.parse import parse_qs

from aiohttp import web

from simulator.device.device import Device
from simulator.device.personality import AuthMode, NotSupported
from simulator.device.profiles import MediaProfile
from simulator.device.users import Refusal
from simulator.device.view import seen_from
from simulator.onvif import (
    accounts,
    activation,
    attachments,
    contacts,
    device_service,
    encoding,
    events,
    hostile,
    imaging,
    maintenance,
    media,
    network,
    osd,
    profiles,
    ptz,
    recording,
    tours,
)
from simulator.onvif.auth import HttpDigest, UsernameTokens, basic_refusal
from simulator.onvif.operation import Operation
from simulator.onvif.soap import (
    NAMESPACES,
    SOAP_11,
    SOAP_12,
    NotSoap,
    SoapFault,
    SoapRequest,
    Writer,
    Xml,
    node,
    parse,
)

MAX_REQUEST_BYTES = 1_000_000
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    **device_service.OPERATIONS,
    **accounts.OPERATIONS,
    **network.OPERATIONS,
    **contacts.OPERATIONS,
    **maintenance.OPERATIONS,
    **media.OPERATIONS,
    **encoding.OPERATIONS,
    **profiles.OPERATIONS,
    **osd.OPERATIONS,
    **events.OPERATIONS,
    **imaging.OPERATIONS,
    **ptz.OPERATIONS,
    **recording.OPERATIONS,
}
_NOT_ALLOWED = SoapFault(
    "Sender", "ter:NotAuthorized", reason="Sender not authorized", detail="The user level does not permit it"
)
_REALM = {AuthMode.BOTH: "IP Camera", AuthMode.DIGEST: "IP Camera", AuthMode.WSSE: "Login to device"}
_CONTENT_TYPE = {SOAP_12: "application/soap+xml", SOAP_11: "text/xml"}


class Endpoint:
    """The HTTP port of one device. It can be opened and closed again and again."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None
        self._tokens = UsernameTokens(device.users, device.clock)
        self._digest = HttpDigest(
            device.users,
            realm=_REALM.get(device.auth, "IP Camera"),
            algorithms=device.personality.digest_algorithms,
        )
        vendor = device.personality.vendor_topics
        self._writer = Writer(device.personality.envelope_prefix, dict([vendor]) if vendor else {})
        self._answers_again = asyncio.Event()

    async def open(self) -> None:
        """Listen on the device's address; raises OSError when the address is taken."""
        if self._server is not None:
            return
        self._web = web.Server(self._answer, access_log=None, handler_cancellation=True)
        loop = asyncio.get_running_loop()
        certificates = self._device.certificates
        self._server = await loop.create_server(
            self._connected,
            self._device.ip,
            self._device.http_port,
            ssl=None if certificates is None else certificates.context,
        )
        self._device.http_port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close the port and drop every connection at once."""
        if self._server is None or self._web is None:
            return
        loop = asyncio.get_running_loop()
        for sock in self._server.sockets:
            loop.remove_reader(sock.fileno())
        for _ in range(3):
            await asyncio.sleep(0)  # a socket accepted this turn belongs to nobody until the next ones
        self._server.close()
        self._hang_up()
        await self._web.shutdown(0)
        self._server, self._web = None, None

    def faults_changed(self) -> None:
        """Let hung requests go on when the device answers again."""
        if self._device.faults.hung:
            self._answers_again.clear()
        else:
            self._answers_again.set()
        certificates = self._device.certificates
        if certificates is not None and certificates.show(self._device.faults.certificate):
            self._hang_up()

    def _connected(self) -> asyncio.Protocol:
        assert self._web is not None
        self._device.counters["connections"] += 1
        return self._web()

    def _hang_up(self) -> None:
        """Drop every connection at once."""
        for connection in self._web.connections if self._web is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        device = self._device
        if device.faults.hung:
            await self._answers_again.wait()
        payload = await request.content.read(MAX_REQUEST_BYTES + 1) if request.can_read_body else b""
        while request.can_read_body and not request.content.at_eof() and len(payload) <= MAX_REQUEST_BYTES:
            payload += await request.content.read(MAX_REQUEST_BYTES + 1 - len(payload))
        if device.faults.slow_ms:
            await asyncio.sleep(device.faults.slow_ms / 1000)
        if device.faults.not_activated:
            response: web.StreamResponse = self._not_activated(request, payload)
            operation = f"{request.method} {request.path}"
        elif request.path in maintenance.DOWNLOADS and request.method == "GET":
            response = self._downloaded(request)
            operation = f"GET {request.path}"
        elif request.path in maintenance.UPLOADS and request.method == "POST":
            response, operation = self._uploaded(request, payload), f"POST {request.path}"
        elif request.method == "GET":
            response = self._snapshot(request)
            operation = "GET snapshot"
        elif request.method == "POST" and self._serves(request.path):
            response, operation = await self._soap(request, payload)
        else:
            response, operation = web.Response(status=404, text="Not Found"), request.method
        device.note(operation, client=request.remote or "", status=response.status)
        return response

    def _not_activated(self, request: web.BaseRequest, payload: bytes) -> web.Response:
        """The activation page, its form, and one refusal for all else."""
        if request.method == "GET" and request.path in ("/", activation.PATH):
            return web.Response(text=activation.PAGE, content_type="text/html")
        if request.method == "POST" and request.path == activation.PATH:
            form = parse_qs(payload.decode("utf-8", "replace"))
            return web.Response(status=200 if activation.activate(self._device, form) else 400)
        try:
            return self._fault(activation.refusal(), parse(payload, path=request.path))
        except NotSoap:
            return web.Response(status=403, text="Not activated")

    def _serves(self, path: str) -> bool:
        paths = self._device.personality.paths
        services = {path for _, path, _ in device_service.services(self._device)}
        services -= device_service.dead_paths(self._device)
        return path in services or path.startswith(paths.subscription.partition("{")[0])

    async def _soap(self, request: web.BaseRequest, payload: bytes) -> tuple[web.StreamResponse, str]:
        replaced = await hostile.instead(self._device.faults, request)
        if replaced is not None:
            return replaced, "replaced by a fault"
        payload, self._device.received = attachments.taken_apart(
            payload, request.headers.get("Content-Type", "")
        )
        try:
            soap = parse(payload, path=request.path)
        except NotSoap as error:
            return web.Response(status=400, text=f"Bad Request: {error}"), "not SOAP"
        self._device.counters[f"op_{soap.operation}"] += 1
        refusal = self._refusal(request, soap)
        if refusal is not None:
            return self._refuse(refusal, soap), soap.operation
        if self._device.auth is not AuthMode.NONE and accounts.forbidden(self._device, soap):
            return self._fault(_NOT_ALLOWED, soap), soap.operation
        return await self._perform(request, soap), soap.operation

    async def _perform(self, request: web.BaseRequest, soap: SoapRequest) -> web.StreamResponse:
        faults, is_write = self._device.faults, accounts.is_write(soap.operation)
        try:
            if is_write and faults.drop_before_write:
                raise events.ConnectionDropped
            answer = self._operation(soap)(self._device, soap)
            content = await answer if inspect.isawaitable(answer) else answer
            dropped = faults.drop_after_write or (faults.drop_after_upload and bool(self._device.received))
            if is_write and dropped:
                raise events.ConnectionDropped
        except maintenance.NotHere:
            return self._not_here(soap)
        except SoapFault as fault:
            return self._fault(fault, soap)
        except events.EmptyAnswer as empty:
            return web.Response(status=empty.status)
        except events.ConnectionDropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        payload = self._writer.envelope(content, version=soap.version, header=events.answer_header(soap))
        attached, self._device.attachment = self._device.attachment, None
        if attached is not None:
            boundary = self._device.personality.mtom_boundary
            body, content_type = attachments.put_together(payload, attached, boundary)
            return web.Response(body=body, headers=[("Content-Type", content_type)])
        return self._response(payload, soap.version, status=200)

    def _not_here(self, soap: SoapRequest) -> web.StreamResponse:
        try:
            content = _not_supported(self._device, soap)
        except SoapFault as fault:
            return self._fault(fault, soap)
        return self._response(self._writer.envelope(content, version=soap.version), soap.version, status=200)

    def _operation(self, soap: SoapRequest) -> Operation:
        personality = self._device.personality
        hidden = (
            (soap.namespace == NAMESPACES["tptz"] and self._device.head is None)
            or (soap.namespace == NAMESPACES["tr2"] and personality.paths.media2 is None)
            or (soap.operation in tours.NAMES and not personality.preset_tours)
            or (soap.operation == "GetServices" and not personality.has_get_services)
            or (soap.namespace in recording.SERVICES and self._lacks(soap.operation))
            or ("RelayOutput" in soap.operation and self._hides_relays(soap))
            or (soap.namespace == NAMESPACES["tr2"] and personality.dead_media2)
            or soap.operation in personality.absent_operations
            or self._hides_media(soap)
        )
        operation = None if hidden else OPERATIONS.get((soap.namespace, soap.operation))
        return operation or _not_supported

    def _hides_media(self, soap: SoapRequest) -> bool:
        if soap.namespace not in (NAMESPACES["trt"], NAMESPACES["tr2"]):
            return False
        personality = self._device.personality
        if soap.operation == "SetSynchronizationPoint":
            return not personality.keys_on_demand
        return soap.operation in profiles.CHANGES and not personality.makes_profiles

    def _lacks(self, operation: str) -> bool:
        recorder = self._device.recorder
        return recorder is None or operation in recorder.habits.lacks

    def _hides_relays(self, soap: SoapRequest) -> bool:
        personality = self._device.personality
        by_io_alone = personality.relays_by_io_alone and soap.path == personality.paths.device
        return by_io_alone or not personality.has_relays

    def _fault(
        self, fault: SoapFault, soap: SoapRequest, headers: list[tuple[str, str]] | None = None
    ) -> web.Response:
        by_code = 400 if fault.code == "Sender" else 500
        status = fault.status or self._device.personality.fault_status or by_code
        payload = self._writer.fault(fault, version=soap.version)
        return self._response(payload, soap.version, status=status, headers=headers)

    def _response(
        self, payload: bytes, version: str, *, status: int, headers: list[tuple[str, str]] | None = None
    ) -> web.Response:
        content_type = f"{_CONTENT_TYPE[version]}; charset=utf-8"
        return web.Response(
            body=hostile.spoiled(self._device.faults, payload),
            status=status,
            headers=[("Content-Type", content_type), *(headers or [])],
        )

    def _refusal(self, request: web.BaseRequest, soap: SoapRequest) -> Refusal | None:
        device = self._device
        is_open = (
            soap.namespace == device_service.TDS and soap.operation in device.personality.open_operations
        )
        if device.auth is AuthMode.NONE or is_open:
            return None
        authorization = request.headers.get("Authorization", "")
        if device.auth is not AuthMode.WSSE and authorization.lower().startswith("digest "):
            return self._digest.refusal(authorization, method=request.method, uri=request.path_qs)
        token = soap.security()
        if device.auth is not AuthMode.DIGEST and token is not None:
            return self._tokens.refusal(token)
        return Refusal.MISSING

    def _refuse(self, refusal: Refusal, soap: SoapRequest) -> web.Response:
        """401 with a challenge when Digest may help, else 400; a refused token is 400, as recorded."""
        device = self._device
        device.counters[f"auth_{refusal}"] += 1
        token_judged = device.auth is AuthMode.BOTH and soap.security() is not None
        challenged = device.auth is not AuthMode.WSSE and not (
            token_judged and refusal is not Refusal.MISSING
        )
        locked = refusal is Refusal.LOCKED
        fault = SoapFault(
            "Sender",
            "ter:NotAuthorized",
            reason="The account is locked, please try again later" if locked else "Sender not authorized",
            detail="The action requested requires authorization and the sender is not authorized",
            status=401 if challenged else 400,
        )
        return self._fault(fault, soap, self._challenges(refusal) if challenged else None)

    def _challenges(self, refusal: Refusal) -> list[tuple[str, str]]:
        stale = refusal in (Refusal.STALE, Refusal.REPLAYED)
        return [("WWW-Authenticate", value) for value in self._digest.challenges(stale=stale)]

    def _downloaded(self, request: web.BaseRequest) -> web.Response:
        refusal = self._snapshot_refusal(request)
        if refusal is not None or not self._device.personality.system_uris:
            return self._unauthorized(refusal) if refusal else web.Response(status=404, text="Not Found")
        body = maintenance.DOWNLOADS[request.path](self._device)
        return web.Response(body=body, content_type="application/octet-stream")

    def _uploaded(self, request: web.BaseRequest, payload: bytes) -> web.Response:
        """415 for an image that is none of this device's, as ONVIF Core 8.8.3 says."""
        refusal = self._snapshot_refusal(request)
        if refusal is not None:
            return self._unauthorized(refusal)
        taken = maintenance.UPLOADS[request.path](self._device, payload)
        if self._device.faults.drop_after_upload and request.transport is not None:
            request.transport.abort()
        return web.Response(status=200 if taken else 415)

    def _unauthorized(self, refusal: Refusal) -> web.Response:
        self._device.counters[f"auth_{refusal}"] += 1
        basic = [("WWW-Authenticate", 'Basic realm="IP Camera"')]
        headers = basic if self._device.personality.snapshot_basic else self._challenges(refusal)
        return web.Response(status=401, text="Unauthorized", headers=headers)

    def _snapshot(self, request: web.BaseRequest) -> web.Response:
        device = self._device
        profile = self._snapshot_profile(request.path)
        if profile is None or device.picture is None:
            return web.Response(status=404, text="Not Found")
        refusal = self._snapshot_refusal(request)
        if refusal is not None:
            return self._unauthorized(refusal)
        device.counters["snapshots"] += 1
        picture = device.picture.snapshot(profile.token)
        if device.head is not None:
            picture = seen_from(device.head.sight(), picture)
        return web.Response(body=picture, content_type="image/jpeg")

    def _snapshot_profile(self, path: str) -> MediaProfile | None:
        template = self._device.personality.paths.snapshot
        return next((p for p in self._device.media if template.format(token=p.token) == path), None)

    def _snapshot_refusal(self, request: web.BaseRequest) -> Refusal | None:
        device = self._device
        authorization = request.headers.get("Authorization", "")
        scheme = authorization.partition(" ")[0].lower()
        if device.auth is AuthMode.NONE:
            return None
        if device.personality.snapshot_credentials and "password" in request.query:
            return device.users.judge(
                request.query.get("user", ""), lambda secret: secret == request.query["password"]
            )
        if device.personality.snapshot_basic:
            return basic_refusal(device.users, authorization) if scheme == "basic" else Refusal.MISSING
        if scheme == "digest":
            return self._digest.refusal(authorization, method=request.method, uri=request.path_qs)
        return Refusal.MISSING


def _not_supported(device: Device, soap: SoapRequest) -> Xml:
    """The answer to an operation the device does not know, in its make's shape."""
    device.counters["not_supported"] += 1
    if device.personality.not_supported_text:
        raise SoapFault("Receiver", "ter:Action", reason=device.personality.not_supported_text)
    match device.personality.not_supported:
        case NotSupported.EMPTY_ANSWER:
            return node(f"x:{soap.operation}Response", {"xmlns:x": soap.namespace})
        case NotSupported.GSOAP:
            text = f"Method 'tds:{soap.operation}' not implemented: method name or namespace not recognized"
            raise SoapFault("Sender", reason=text)
        case shape:
            code, *subcodes = shape.value.split("/")
            raise SoapFault(code, *(f"ter:{name}" for name in subcodes), reason=_REASONS[shape])


_REASONS = {
    NotSupported.ACTION: "Optional Action Not Implemented",
    NotSupported.ACTION_INVALID_OPERATION: "Optional Action Not Implemented",
    NotSupported.SENDER_ACTION: "The requested action is not supported",
    NotSupported.ACTION_FAILED: "Action Failed",
    NotSupported.INVALID_ARG: "Argument Value Invalid",
}

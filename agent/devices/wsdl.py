"""What ONVIF's services look like: each WSDL is parsed once for the process and shared by every device.

Law: parsing costs 0.1 s and 10 MiB a WSDL, so it happens once; a device costs only its address. Nothing is
fetched from a network and nothing is written to a cache in $HOME.
The WSDLs and the table of services are those onvif-zeep ships. The package itself is never imported: its
import sets up the root logger, and its camera class drops http_proxy from the environment, opens a pull
point and forgets it (onvif-zeep 0.2.12, client.py).
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import logging
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol, cast

import zeep
import zeep.exceptions
import zeep.transports
from lxml import etree

NAMESPACES: Mapping[str, str] = {
    "devicemgmt": "http://www.onvif.org/ver10/device/wsdl",
    "media": "http://www.onvif.org/ver10/media/wsdl",
    "media2": "http://www.onvif.org/ver20/media/wsdl",
    "events": "http://www.onvif.org/ver10/events/wsdl",
    "imaging": "http://www.onvif.org/ver20/imaging/wsdl",
    "ptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "deviceio": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "recording": "http://www.onvif.org/ver10/recording/wsdl",
    "search": "http://www.onvif.org/ver10/search/wsdl",
    "replay": "http://www.onvif.org/ver10/replay/wsdl",
}
"""Services this room talks to. onvif-zeep ships no WSDL of media2: it is asked in plain SOAP."""

_MISREAD = (
    zeep.exceptions.Error,
    etree.LxmlError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
"""What zeep raises when an answer does not fit the schema at all (lenient reading forgives most)."""


class Misread(Exception):
    """A whole, well-formed answer that zeep cannot read as the operation's response."""


class Operation(Protocol):
    """One operation of one service: request out, response in."""

    action: str

    def request(self, **values: object) -> etree._Element:
        """The SOAP envelope of a request. Raises TypeError for values the WSDL does not know: our bug."""
        ...

    def response(self, root: etree._Element) -> object:
        """What the answer says, as zeep's objects. Raises Misread."""
        ...


class Services:
    """The parsed WSDLs. Thread-safe; parse on first use, or ahead with ``prepare``."""

    def __init__(self) -> None:
        # zeep logs a traceback, device text and all, for every odd value it forgives.
        logging.getLogger("zeep").setLevel(logging.CRITICAL)
        self._definitions, self._folder = _shipped()
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Parse what every device needs, so that the first climb does not pay for it."""
        for service in ("devicemgmt", "media"):
            self._binding(service)

    def operation(self, service: str, name: str) -> Operation:
        """One operation, e.g. ``("devicemgmt", "GetScopes")``. Raises KeyError for unknown names: our bug."""
        try:
            return _ZeepOperation(self._binding(service).get(name))
        except ValueError as error:
            raise KeyError(f"{service} has no operation {name}") from error

    def _binding(self, service: str) -> Any:
        definition = self._definitions[service]
        with self._lock:
            client = self._clients.get(definition["wsdl"])
            if client is None:
                client = _parsed(self._folder / definition["wsdl"])
                self._clients[definition["wsdl"]] = client
        return client.wsdl.bindings[f"{{{definition['ns']}}}{definition['binding']}"]


@functools.cache
def shared_services() -> Services:
    """The process's one set of parsed WSDLs."""
    return Services()


class _ZeepOperation:
    def __init__(self, operation: Any) -> None:
        self._operation = operation
        self.action: str = operation.soapaction or ""

    def request(self, **values: object) -> etree._Element:
        return cast("etree._Element", self._operation.create(**values).content)

    def response(self, root: etree._Element) -> object:
        try:
            return cast("object", self._operation.process_reply(root))
        except _MISREAD as error:
            raise Misread(f"{type(error).__name__}: {error}") from error


class _NoNetwork(zeep.transports.Transport):
    """Reads WSDLs from disk; an import of a remote schema is refused."""

    def _load_remote_data(self, url: str) -> NoReturn:
        raise OSError(f"a WSDL asks for {url}: nothing is fetched")


def _parsed(path: Path) -> Any:
    settings = zeep.Settings(strict=False, xml_huge_tree=False, forbid_dtd=True, forbid_entities=True)
    transport: Any = _NoNetwork()  # type: ignore[no-untyped-call]
    client: Any = zeep.Client(str(path), transport=transport, settings=settings)  # type: ignore[no-untyped-call]
    _forget_failed_searches(client.wsdl.types)
    return client


def _forget_failed_searches(schema: Any) -> None:
    """Let nothing of an answer live on after it was read.

    zeep 4.3 (xsd/schema.py, _get_instance) keeps the error of a name it does not know in the frame that
    raises it: a ring of frames round the whole tree of the answer, for the collector to find. It looks at
    old objects only when they have become a quarter more, and every extension of a make is such a name.
    """
    search = schema._get_instance

    def searched(*names: object) -> object:
        try:
            return search(*names)
        except zeep.exceptions.LookupError as error:
            traceback.clear_frames(error.__traceback__)
            raise

    schema._get_instance = searched


def _shipped() -> tuple[Mapping[str, Mapping[str, str]], Path]:
    """onvif-zeep's table of services and its WSDL folder, without running the package's own import."""
    spec = importlib.util.find_spec("onvif")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("onvif-zeep is not installed: pip install 'outpost[agent]'")
    package = Path(next(iter(spec.submodule_search_locations)))
    table = importlib.util.spec_from_file_location("agent.devices._onvif", package / "definition.py")
    assert table is not None and table.loader is not None
    module = importlib.util.module_from_spec(table)
    table.loader.exec_module(module)
    return module.SERVICES, shipped_wsdls()


def shipped_wsdls() -> Path:
    """The folder of onvif-zeep's WSDLs, as its installation recorded it.

    Not beside the package: the wheel names a folder of the Python that built it, and an installer that keeps
    built wheels (uv) puts lib/python3.13/site-packages/wsdl into an environment of 3.11.
    """
    for file in importlib.metadata.files("onvif-zeep") or ():
        if file.name == "devicemgmt.wsdl":
            folder = Path(str(file.locate())).resolve().parent
            if (folder / file.name).is_file():
                return folder
    raise RuntimeError("onvif-zeep is installed without its WSDLs: install it again with --reinstall")

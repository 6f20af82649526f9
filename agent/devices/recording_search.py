"""Questions about recordings to one device: all within one time, and searches that are always ended.

    Find… ──> SearchToken ──page──page──page──> Completed and an empty page
                 └────────────── EndSearch, whatever happened between ──────┘

Law: one search at a time. If the box dies in the middle, the device forgets it after its KeepAliveTime.
Source: ONVIF Recording Search service specification (searches, KeepAliveTime, SearchState).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from lxml import etree

from agent.devices import sentences
from agent.devices.address import Endpoint
from agent.devices.identity import Whereabouts
from agent.devices.limits import Deadline
from agent.devices.session import Question, Session, plain_question
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

_LONGEST_SEARCH_TOKEN = 200
T = TypeVar("T")
Reader = Callable[[Sequence[etree._Element]], Iterable[T]]
"""Makes values of the results of one page."""


class OutOfTime(Exception):
    """The time for one device is over, or the box stops."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What was read of one search's results. Not ``whole``: there are more, or it never came to an end."""

    read: Sequence[T]
    count: int
    whole: bool


class Asker:
    """One device, one thread; its time (``Limits.recordings_s``) begins when it is made."""

    def __init__(self, session: Session, stop: threading.Event) -> None:
        self.whereabouts = Whereabouts({})
        self._session = session
        self._limits = session.limits
        self._stop = stop
        self._deadline = Deadline(self._limits.recordings_s)

    def has(self, service: str) -> bool:
        """Whether the device has a service, as far as it was asked where they are."""
        return self.whereabouts.find(service) is not None

    def within(self) -> contextlib.AbstractContextManager[None]:
        """The time of one question, for questions asked elsewhere. Raises OutOfTime."""
        if self._is_over():
            raise OutOfTime
        left_s = self._deadline.cut(self._limits.total_s).seconds
        return self._session.transport.within(left_s)

    def ask(self, service: str, operation: str, *parts: etree._Element) -> etree._Element:
        """The answer's body element. Raises DeviceError and OutOfTime."""
        return self._sought(service, element(_ns(service), operation, *parts))

    def search(self, operation: str, *parts: etree._Element) -> etree._Element:
        """The request of a search with its bounds."""
        namespace = _ns("search")
        return element(
            namespace,
            operation,
            *parts,
            element(namespace, "MaxMatches", text=str(self._limits.search_results)),
            element(namespace, "KeepAliveTime", text=f"PT{self._limits.search_keep_s:g}S"),
        )

    def collected(self, request: etree._Element, pages: tuple[str, str], read: Reader[T]) -> Found[T]:
        """Open a search, read its pages and end it, whatever happens between. ``pages``: the operation that
        gives a page, and the name of a result in it. Raises DeviceError and OutOfTime."""
        token = child_text(self._sought("search", request), "SearchToken")
        if not 0 < len(token) <= _LONGEST_SEARCH_TOKEN:
            # onvif_srvd answers what it does not know with an empty response.
            raise self._lacks(local_name(request))
        try:
            return self._pages(token, pages, read)
        finally:
            self._end(token)

    def _pages(self, token: str, pages: tuple[str, str], read: Reader[T]) -> Found[T]:
        values: list[T] = []
        count = 0
        mine = self._deadline.cut(self._limits.search_s)
        completed = False
        while count < self._limits.search_results:
            try:
                mine.remaining_s()
                listed = child(self._page(token, pages[0]), "ResultList")
            except (OutOfTime, TimeoutError):
                return Found(values, count, False)
            except DeviceError as error:
                if completed and error.kind is DeviceTrouble.BAD_ANSWER:
                    # the device forgot the search once it had told everything
                    return Found(values, count, True)
                raise
            found = [] if listed is None else [node for node in listed if local_name(node) == pages[1]]
            values += read(found)
            count += len(found)
            completed = completed or child_text(listed, "SearchState").casefold() == "completed"
            if completed and not found:  # Completed may mean "found all", not "told all"
                return Found(values, count, True)
            if not found and self._stop.wait(self._limits.search_idle_s):
                break
        return Found(values, count, False)

    def _page(self, token: str, operation: str) -> etree._Element:
        namespace = _ns("search")
        return self.ask(
            "search",
            operation,
            element(namespace, "SearchToken", text=token),
            element(namespace, "MinResults", text="1"),
            element(namespace, "MaxResults", text=str(self._limits.search_page)),
            element(namespace, "WaitTime", text=f"PT{self._limits.search_wait_s:g}S"),
        )

    def _end(self, token: str) -> None:
        """Give the search back, best effort; when that fails, KeepAliveTime does it."""
        namespace = _ns("search")
        request = element(namespace, "EndSearch", element(namespace, "SearchToken", text=token))
        endpoint = self.whereabouts.find("search")
        if endpoint is None:
            return
        with (
            contextlib.suppress(DeviceError),
            self._session.transport.within(self._limits.unsubscribe_s),
        ):
            self._session.faulty(_question(endpoint, "search", request))

    def _sought(self, service: str, request: etree._Element) -> etree._Element:
        endpoint = self.whereabouts.find(service)
        if endpoint is None:
            raise self._lacks(local_name(request))
        try:
            with self.within():
                content = self._session.ask(_question(endpoint, service, request)).content
        except DeviceError as error:
            if self._is_over():  # the last exchange was cut off by our own time
                raise OutOfTime from error
            raise
        assert content is not None
        return content

    def _lacks(self, operation: str) -> DeviceError:
        detail = sentences.not_supported(self._session.where, operation)
        return self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)

    def _is_over(self) -> bool:
        try:
            self._deadline.remaining_s()
        except TimeoutError:
            return True
        return self._stop.is_set()


def _ns(service: str) -> str:
    return NAMESPACES[service]


def _question(endpoint: Endpoint, service: str, request: etree._Element) -> Question:
    """Optional: that an account may not search says nothing about its password."""
    operation = local_name(request)
    return plain_question(operation, endpoint, request, action=f"{_ns(service)}/{operation}", optional=True)

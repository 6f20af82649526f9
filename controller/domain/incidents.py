"""The loop of an incident as one table: states, actions, and what each action must bring along.

Law: whatever is not in ``TRANSITIONS`` is refused. Every step has one history row and one feed entry,
written in the same transaction (the service sees to it).
Source: the county's state and transition lists (GB/T 30428's seven steps in the county's words). Two
steps that its list takes for granted are written out: REWORK is fed back like work, REOPENED is assigned
anew. Merging, suspending and extending wait until their dates and parents can be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SYSTEM: Final = "system"
"""The actor of automatic steps."""


class State(StrEnum):
    """Where an incident stands."""

    NEW = "NEW"
    REJECTED = "REJECTED"
    MERGED = "MERGED"
    ACCEPTED = "ACCEPTED"
    ASSIGNED = "ASSIGNED"
    RETURNED = "RETURNED"
    ACKED = "ACKED"
    SUSPENDED = "SUSPENDED"
    FEEDBACK = "FEEDBACK"
    REWORK = "REWORK"
    VERIFIED = "VERIFIED"
    EVALUATED = "EVALUATED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"
    CANCELLED = "CANCELLED"

    @property
    def open(self) -> bool:
        return self not in _ENDED


_ENDED: Final = frozenset({State.REJECTED, State.MERGED, State.CLOSED, State.CANCELLED})

STATE_WORDS: Final[dict[State, tuple[str, str]]] = {
    State.NEW: ("待受理", "New"),
    State.REJECTED: ("不予受理", "Rejected"),
    State.MERGED: ("已合并", "Merged"),
    State.ACCEPTED: ("已受理", "Accepted"),
    State.ASSIGNED: ("已交办", "Assigned"),
    State.RETURNED: ("已退回", "Returned"),
    State.ACKED: ("处置中", "In progress"),
    State.SUSPENDED: ("挂账", "On hold"),
    State.FEEDBACK: ("待核查", "Reported done"),
    State.REWORK: ("返工", "Rework"),
    State.VERIFIED: ("待评价", "Verified"),
    State.EVALUATED: ("已评价", "Evaluated"),
    State.CLOSED: ("已办结", "Closed"),
    State.REOPENED: ("重办", "Reopened"),
    State.CANCELLED: ("作废", "Cancelled"),
}


class Action(StrEnum):
    """What can be done with an incident. ``open`` is how one begins and is never asked for."""

    OPEN = "open"
    ACCEPT = "accept"
    REJECT = "reject"
    ASSIGN = "assign"
    SIGN = "sign"
    RETURN = "return"
    FEED_BACK = "feed_back"
    VERIFY = "verify"
    REWORK = "rework"
    EVALUATE = "evaluate"
    CLOSE = "close"
    REOPEN = "reopen"
    CANCEL = "cancel"


class Note(StrEnum):
    """History rows that change no state."""

    COUNT = "count"
    """It was seen again. No feed entry: mere counts keep the feed quiet."""
    RECOVERED = "recovered"
    """The device or box is healthy again."""
    RECURRED = "recurred"
    """It broke again while the incident was still open."""
    BOX_OFFLINE = "box_offline"
    """Its box went dark: nobody can know how it stands."""


ACTION_WORDS: Final[dict[str, tuple[str, str]]] = {
    Action.OPEN: ("自动发现", "Opened"),
    Action.ACCEPT: ("受理", "Accept"),
    Action.REJECT: ("不予受理", "Reject"),
    Action.ASSIGN: ("交办", "Assign"),
    Action.SIGN: ("签收", "Sign for"),
    Action.RETURN: ("退回", "Return"),
    Action.FEED_BACK: ("反馈", "Feed back"),
    Action.VERIFY: ("核查通过", "Verify"),
    Action.REWORK: ("核查不通过", "Send back for rework"),
    Action.EVALUATE: ("评价", "Evaluate"),
    Action.CLOSE: ("办结", "Close"),
    Action.REOPEN: ("重办", "Reopen"),
    Action.CANCEL: ("作废", "Cancel"),
    Note.COUNT: ("再次发现", "Seen again"),
    Note.RECOVERED: ("已恢复", "Recovered"),
    Note.RECURRED: ("再次发生", "Happened again"),
    Note.BOX_OFFLINE: ("边缘盒离线，状态未知", "Box offline, state unknown"),
}


class Need(StrEnum):
    """What an action must bring along."""

    TEXT = "text"
    """A reason or a report in words."""
    UNIT = "unit"
    """Who is to do it."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an action leads, and what it needs."""

    to: State
    needs: frozenset[Need] = frozenset()
    another_than_handler: bool = False
    """Who checks the work must not be who reported it done."""


_TEXT = frozenset({Need.TEXT})
_UNIT = frozenset({Need.UNIT})
_OPEN_STATES = tuple(state for state in State if state not in _ENDED)

TRANSITIONS: Final[dict[tuple[State | None, Action], Step]] = {
    (None, Action.OPEN): Step(State.NEW),
    (State.NEW, Action.ACCEPT): Step(State.ACCEPTED),
    (State.NEW, Action.REJECT): Step(State.REJECTED, _TEXT),
    (State.ACCEPTED, Action.ASSIGN): Step(State.ASSIGNED, _UNIT),
    (State.ASSIGNED, Action.SIGN): Step(State.ACKED),
    (State.ASSIGNED, Action.RETURN): Step(State.RETURNED, _TEXT),
    (State.RETURNED, Action.ASSIGN): Step(State.ASSIGNED, _UNIT),
    (State.ACKED, Action.ASSIGN): Step(State.ASSIGNED, _UNIT | _TEXT),
    (State.ACKED, Action.FEED_BACK): Step(State.FEEDBACK, _TEXT),
    (State.FEEDBACK, Action.VERIFY): Step(State.VERIFIED, another_than_handler=True),
    (State.FEEDBACK, Action.REWORK): Step(State.REWORK, _TEXT, another_than_handler=True),
    (State.REWORK, Action.FEED_BACK): Step(State.FEEDBACK, _TEXT),
    (State.VERIFIED, Action.EVALUATE): Step(State.EVALUATED, _TEXT),
    (State.VERIFIED, Action.CLOSE): Step(State.CLOSED),
    (State.EVALUATED, Action.CLOSE): Step(State.CLOSED),
    (State.EVALUATED, Action.REOPEN): Step(State.REOPENED, _TEXT),
    (State.CLOSED, Action.REOPEN): Step(State.REOPENED, _TEXT),
    (State.REOPENED, Action.ASSIGN): Step(State.ASSIGNED, _UNIT),
    **{(state, Action.CANCEL): Step(State.CANCELLED, _TEXT) for state in _OPEN_STATES},
}


class IllegalTransition(ValueError):
    """The action is not possible now. ``zh`` and ``en`` say why and what to do."""

    def __init__(self, *, case_no: str, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en
        super().__init__(f"incident={case_no} {zh} {en}")


def allowed(state: State | None) -> list[Action]:
    """The actions that can be taken in ``state``, in the order of the loop."""
    return [action for action in Action if (state, action) in TRANSITIONS]


def step(
    state: State | None,
    action: str,
    *,
    case_no: str = "",
    text: str = "",
    unit: str = "",
    actor: str = SYSTEM,
    handler: str | None = None,
) -> State:
    """The state after ``action``. Raises IllegalTransition.

    ``handler`` is who reported the work done last; None when nobody has.
    """
    found = _find(state, action)
    if found is None:
        raise _not_now(state, action, case_no)
    missing = {need for need, given in ((Need.TEXT, text), (Need.UNIT, unit)) if not given.strip()}
    if found.needs & missing:
        raise _incomplete(action, case_no, found.needs & missing)
    if found.another_than_handler and actor == handler and actor != SYSTEM:
        raise IllegalTransition(
            case_no=case_no,
            zh=f"{case_no}：核查人不能是反馈人 {actor}，请由另一人核查。",
            en=f"{actor} reported the work done and cannot check it: let somebody else check it",
        )
    return found.to


def _find(state: State | None, action: str) -> Step | None:
    return TRANSITIONS.get((state, Action(action))) if action in set(Action) else None


def _not_now(state: State | None, action: str, case_no: str) -> IllegalTransition:
    state_zh, state_en = STATE_WORDS[state] if state is not None else ("未立项", "not opened")
    action_zh, action_en = ACTION_WORDS.get(action, (action, action))
    possible = allowed(state)
    return IllegalTransition(
        case_no=case_no,
        zh=f"{case_no} 当前为“{state_zh}”，不能“{action_zh}”；"
        f"可以：{'、'.join(ACTION_WORDS[a][0] for a in possible) or '无'}。",
        en=f"{case_no} is {state_en!r}: {action_en!r} is not possible; "
        f"possible: {', '.join(possible) or 'nothing'}",
    )


def _incomplete(action: str, case_no: str, missing: frozenset[Need]) -> IllegalTransition:
    words = {Need.TEXT: ("说明", "a text"), Need.UNIT: ("承办单位", "a unit")}
    ordered = sorted(missing)
    return IllegalTransition(
        case_no=case_no,
        zh=f"{case_no}：“{ACTION_WORDS[action][0]}”必须填写{'、'.join(words[need][0] for need in ordered)}。",
        en=f"{action} needs {' and '.join(words[need][1] for need in ordered)}",
    )

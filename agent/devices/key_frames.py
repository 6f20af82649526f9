"""A key frame of a stream asked for between its own (SetSynchronizationPoint of Media and Media2).

Law: it writes no configuration, yet it makes an encoder do what it would not have done, for everybody who
watches, and costs the line bits: so it counts as a write and is never sent to a device that may only be read.
At most one in two seconds a device, whoever asks; one that has it not is not asked again for a day.
"""

from __future__ import annotations

from agent.devices import soap
from agent.devices.habits import Habit, Habits
from agent.devices.identity import Whereabouts
from agent.devices.session import Session, plain_question
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

_ASKED_AGAIN_S = 86_400.0


def is_known_to_refuse(habits: Habits) -> bool:
    """Whether the make refused within the last day."""
    age_s = habits.age_s(Habit.NO_KEY_ON_DEMAND)
    return age_s is not None and age_s < _ASKED_AGAIN_S


def ask_key(session: Session, found: Whereabouts, profile: str) -> None:
    """Ask for a key frame in the stream of a profile, over Media2 where it is there, else Media. Raises
    DeviceError; NOT_SUPPORTED, which is learned, when neither has it."""
    habits = session.account.habits
    refused = DeviceError(DeviceTrouble.NOT_SUPPORTED, session.device.id, "SetSynchronizationPoint")
    for service in ("media2", "media"):
        endpoint = found.find(service)
        if endpoint is None:
            continue
        namespace = NAMESPACES[service]
        content = soap.element(
            namespace, "SetSynchronizationPoint", soap.element(namespace, "ProfileToken", text=profile)
        )
        question = plain_question(
            "SetSynchronizationPoint",
            endpoint,
            content,
            action=f"{namespace}/SetSynchronizationPoint",
            optional=True,
            repeatable=False,
        )
        try:
            session.ask(question)
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            refused = error
        else:
            habits.contradicted(Habit.NO_KEY_ON_DEMAND)
            return
    habits.learned(Habit.NO_KEY_ON_DEMAND)
    raise refused

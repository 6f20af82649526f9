"""A media profile of the box's own on a camera it may configure: offered, applied, verified, undone.

    plan ──obstacle──> said, nothing sent
      └──> note what was ──> profile ──> encoder ──> read back ──> look at the stream ──> note: verified
                  └── anything fails: put back, said
    undo: profile away, encoder as it was noted, read back ──> note struck

Law: an encoder that another profile uses is changed only when the user says so. What was there is noted
before anything is sent, so that it can be put back after a restart too. A device of class INTEGRATED, and one
that nobody classified, is sent none of it.
"""

from agent.devices.analysis.choice import AnalysisChoice
from agent.devices.analysis.notes import AnalysisNotes, Note
from agent.devices.analysis.plan import Plan
from agent.devices.analysis.stream import AnalysisStream, Applied, Undone
from agent.devices.analysis.wish import NAME

__all__ = ["NAME", "AnalysisChoice", "AnalysisNotes", "AnalysisStream", "Applied", "Note", "Plan", "Undone"]

"""What a make, model and firmware claims and what it does: trials, marks, cards kept by make.

Law: trials only read, but for those asked for with ``write``, which put back what they found. A card never
holds an address, a log-in or a picture.
"""

from agent.devices.scorecard.card import Card, Mark, Verdict
from agent.devices.scorecard.examiner import Examiner, Pace
from agent.devices.scorecard.kept import Difference, Scorecards, Sheet
from agent.devices.scorecard.trials import TRIALS, Trial

__all__ = [
    "TRIALS",
    "Card",
    "Difference",
    "Examiner",
    "Mark",
    "Pace",
    "Scorecards",
    "Sheet",
    "Trial",
    "Verdict",
]

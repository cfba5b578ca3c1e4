"""The rows that may not be lost.

Facts about a row live here; nothing here commits, renders or asks another server.
"""

from portal.models.answer import Answer
from portal.models.learner import Learner, Recovery
from portal.models.outcome import Outcome
from portal.models.prediction import CONFIDENCES, Prediction
from portal.models.progress import Progress
from portal.models.shared_record import SharedRecord

__all__ = [
    "CONFIDENCES",
    "Answer",
    "Learner",
    "Outcome",
    "Prediction",
    "Progress",
    "Recovery",
    "SharedRecord",
]

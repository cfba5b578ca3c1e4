"""The rows that may not be lost.

Facts about a row live here; nothing here commits, renders or asks another server.
"""

from portal.models.answer import Answer as Answer
from portal.models.learner import Learner as Learner, Recovery as Recovery
from portal.models.outcome import FIGURES as FIGURES, Outcome as Outcome
from portal.models.prediction import CONFIDENCES as CONFIDENCES, Prediction as Prediction
from portal.models.progress import Progress as Progress
from portal.models.shared_record import SharedRecord as SharedRecord

"""The definition of labs: data, and nothing that runs."""

from labs.lab.check import Check as Check, about_of as about_of, check as check
from labs.lab.controls import (
    GEARS as GEARS,
    Choice as Choice,
    Control as Control,
    Gear as Gear,
    Number as Number,
    Place as Place,
    Text as Text,
)
from labs.lab.ending import ExamSentence as ExamSentence, Places as Places, Proved as Proved
from labs.lab.evidence import Counted as Counted, Row as Row, rows_of as rows_of
from labs.lab.guide import Guide as Guide, Step as Step, Target as Target
from labs.lab.lab import Action as Action, Lab as Lab, Mutant as Mutant, mutant as mutant
from labs.lab.layout import (
    actions_of as actions_of,
    controls_of as controls_of,
    engine_controls as engine_controls,
    has_shop as has_shop,
    main_actions as main_actions,
    main_fault as main_fault,
    shared_fields as shared_fields,
    steppable as steppable,
    with_places as with_places,
)
from labs.lab.numbers import number_from as number_from
from labs.lab.predictions import (
    MEASURED_WITHIN_S as MEASURED_WITHIN_S,
    QUEUE_S as QUEUE_S,
    TURN_S as TURN_S,
    Prediction as Prediction,
)
from labs.lab.strategy import REQUESTS as REQUESTS, Steppable as Steppable, Strategy as Strategy
from labs.lab.topology import Link as Link, Node as Node, Topology as Topology
from labs.lab.uses import Use as Use, goals as goals, use_of as use_of
from labs.lab.verdict import (
    Evidence as Evidence,
    Unmet as Unmet,
    Verdict as Verdict,
    evidence_of as evidence_of,
    judged as judged,
    met as met,
    require_seen as require_seen,
    unmet as unmet,
)
from labs.lab.views import Chart as Chart, Column as Column, Table as Table

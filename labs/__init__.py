"""The engine room of Cacheground, through its front desk: what a portal may use.

It never reaches into the rooms behind.
"""

from labs.catalogue import catalogue, find, folder_of
from labs.definition import (
    Action,
    Chart,
    Check,
    Choice,
    Column,
    Control,
    Lab,
    Link,
    Node,
    Number,
    Prediction,
    Steppable,
    Strategy,
    Table,
    Text,
    Topology,
)
from labs.errors import (
    BadInput,
    CommandRefused,
    DidNotStart,
    HostAway,
    LabsError,
    NotNow,
    OverBudget,
    SandboxTaken,
    ServerDown,
    TooSlow,
    UnknownLab,
    UnknownSandbox,
)
from labs.events import Entry, Event, Sense, Value, decode, encode
from labs.host.desk import Desk, HostInfo, SandboxInfo
from labs.measure.metrics import METRICS, Metric
from labs.source import Source, source_of
from labs.state import SandboxState

__all__ = [
    "METRICS",
    "Action",
    "BadInput",
    "Chart",
    "Check",
    "Choice",
    "Column",
    "CommandRefused",
    "Control",
    "Desk",
    "DidNotStart",
    "Entry",
    "Event",
    "HostAway",
    "HostInfo",
    "Lab",
    "LabsError",
    "Link",
    "Metric",
    "Node",
    "NotNow",
    "Number",
    "OverBudget",
    "Prediction",
    "SandboxInfo",
    "SandboxState",
    "SandboxTaken",
    "Sense",
    "ServerDown",
    "Source",
    "Steppable",
    "Strategy",
    "Table",
    "Text",
    "TooSlow",
    "Topology",
    "UnknownLab",
    "UnknownSandbox",
    "Value",
    "catalogue",
    "decode",
    "encode",
    "find",
    "folder_of",
    "source_of",
]

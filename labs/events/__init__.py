"""What happened in a sandbox: one list of small frozen events, which every reader shares.

The page, the timeline, the charts, the tests and the headless run all read this list. No HTML here,
no transport.
"""

from labs.events.base import (
    MOST_ROWS as MOST_ROWS,
    CheckStatus as CheckStatus,
    Event as Event,
    LinkState as LinkState,
    Role as Role,
    Sense as Sense,
    ServerState as ServerState,
    Value as Value,
)
from labs.events.codec import (
    EVENT_LIMIT as EVENT_LIMIT,
    TYPES as TYPES,
    Entry as Entry,
    decode as decode,
    encode as encode,
)
from labs.events.groups import (
    EndpointMoved as EndpointMoved,
    OperationsRecorded as OperationsRecorded,
    RecordSaved as RecordSaved,
    RoleChanged as RoleChanged,
    SentinelSaid as SentinelSaid,
)
from labs.events.life import (
    CaptionChanged as CaptionChanged,
    Ending as Ending,
    NoteAdded as NoteAdded,
    SandboxClosed as SandboxClosed,
    SandboxOpened as SandboxOpened,
    SettingChanged as SettingChanged,
)
from labs.events.measurements import (
    CheckChanged as CheckChanged,
    LoadChanged as LoadChanged,
    Measured as Measured,
    ReadingTaken as ReadingTaken,
    TableChanged as TableChanged,
)
from labs.events.requests import (
    CommandRan as CommandRan,
    LineReached as LineReached,
    StepFinished as StepFinished,
    StepStarted as StepStarted,
    Travelled as Travelled,
)
from labs.events.servers import (
    LinkChanged as LinkChanged,
    ServerChanged as ServerChanged,
    ServerFiguresChanged as ServerFiguresChanged,
    TopologyChanged as TopologyChanged,
)

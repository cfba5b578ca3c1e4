"""The keys of the portal's Redis that a labs host and its clients share; docs/architecture.md says
what each holds.
"""

from __future__ import annotations

FEED = "labs:feed:{}"
SANDBOX = "labs:sandbox:{}"
OWNER = "labs:owner:{}"
REQUESTS = "labs:host:{}:requests"
REPLY = "labs:reply:{}"
HOSTS = "labs:hosts"
OUTCOMES = "labs:outcomes"
ACKS = "labs:acks:{}"

FEED_LENGTH, FEED_LEAST, FEED_BYTES = 4_000, 200, 640 * 1024
"""The length of a sandbox's feed: at most FEED_LENGTH events, fewer where they are large, and never
fewer than FEED_LEAST, which a browser needs that reconnects after some seconds.
"""

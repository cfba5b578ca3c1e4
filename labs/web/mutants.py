"""Handlers that are wrong on purpose, which the checks of the lab sessions must catch."""

import math
import time

from labs.caching import sessions


def log_in_keeps_the_id(request, store, limits):
    """Logs the user in under the id that the visitor came with."""
    sid = request.cookies.get("sid", "")
    before = store.load(sid) if sid else None
    if before is None:
        return sessions.log_in(request, store, limits)
    session = {"user": request.form["user"], "cart": before.get("cart", []), "began": time.time()}
    store.save(sid, session, sessions.seconds_left(session, limits))
    return sid, session


def page_never_renews(request, store, limits):
    """Finds the session and never extends its time to live."""
    sid = request.cookies.get("sid")
    return store.load(sid) if sid else None


_remembered: dict[str, dict[str, object]] = {}


def log_in_to_memory_only(request, store, limits):
    """Keeps the session in this process, whatever the store is called."""
    sid, session = sessions.log_in(request, store, limits)
    store.forget(sid)
    _remembered[sid] = session
    return sid, session


def page_from_memory_only(request, store, limits):
    """Looks into this process only."""
    session = _remembered.get(request.cookies.get("sid", ""))
    return session if session and sessions.seconds_left(session, limits) > 0 else None


def log_in_for_ever(request, store, limits):
    """Stores the session without a time to live."""
    sid, session = sessions.log_in(request, store, limits)
    store.save(sid, session, math.inf)
    return sid, session


def log_in_by_name(request, store, limits):
    """Makes the id of the user's name: it can be guessed."""
    sid, session = sessions.log_in(request, store, limits)
    store.forget(sid)
    guessable = f"user-{request.form['user']}"
    store.save(guessable, session, sessions.seconds_left(session, limits))
    return guessable, session

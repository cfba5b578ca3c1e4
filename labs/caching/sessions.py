"""Sessions of a web shop: the browser holds a random id, a store holds the rest.

Every instance runs this text, whatever the store.
"""

import secrets
import time


def log_in(request, store, limits):
    # The password was checked before this (left out here).
    # 1. The user logs in. The old id ends, because an attacker may have it.
    old = request.cookies.get("sid")
    before = store.load(old) if old else None
    if before:
        store.forget(old)
    sid = secrets.token_urlsafe(32)  # 256 random bits, without any meaning
    # 2. The application writes the session to the store.
    session = {
        "user": request.form["user"],
        "cart": before["cart"] if before else [],
        "began": time.time(),
    }
    store.save(sid, session, seconds_left(session, limits))
    return sid, session


def page(request, store, limits):
    # 3. The user reaches an instance, this one or another.
    sid = request.cookies.get("sid")
    # 4. The instance asks the store: logged in already, or not.
    session = store.load(sid) if sid else None
    if session is None:
        return None  # never issued, logged out, or its time is over
    left = seconds_left(session, limits)
    if left <= 0:
        store.forget(sid)
        return None
    if limits.sliding:
        store.renew(sid, left)
    return session


def seconds_left(session, limits):
    """The idle limit, counted from the last use or from the start; never past the absolute
    limit.
    """
    now, began = time.time(), session["began"]
    idle_ends = (now if limits.sliding else began) + limits.idle_s
    return min(idle_ends, began + limits.absolute_s) - now


def add_to_cart(request, store, limits):
    sid, session = request.cookies.get("sid", ""), page(request, store, limits)
    if session is None:  # a visitor gets an id with the first thing worth keeping
        sid, session = secrets.token_urlsafe(32), {"user": "", "cart": [], "began": time.time()}
    session["cart"] = [*session["cart"], request.form["item"]][-20:]
    store.save(sid, session, seconds_left(session, limits))
    return sid, session


def log_out(request, store):
    if sid := request.cookies.get("sid"):
        store.forget(sid)

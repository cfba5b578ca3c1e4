# Shared by the scripts of this folder: the checkout's root, its set-up, and a place where every user can read it. Sourced, never run.

umask 022
# Another project's library, and another Python's modules.
unset LD_PRELOAD PYTHONHOME PYTHONPATH
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
python=$root/.venv/bin/python

# Say why there is no going on, and stop.
fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Set `base` to a Python that is new enough: the environment's own, else the first on the PATH.
find_python() {
    for base in "$python" python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$base" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    fail "Cacheground needs Python 3.11 or newer, and there is none here. Run one of these, then this again:" \
        "  Debian, Ubuntu:  apt-get install python3 python3-venv" \
        "  Fedora:          dnf install python3" \
        "  macOS:           brew install python@3.13"
}

# A colon separates the paths in PATH, and Python makes no environment below a path with one.
case $root in
    *:* | *"
"*) fail "The path of this checkout, $root, has a colon or a line end in it. Move the checkout to a path without." ;;
esac

# provide serve|test: have everything installed that this needs, and find it.
provide() {
    find_python
    "$base" -I -S "$root/scripts/provision.py" "$1" || exit $?
    if [ -d "$root/var/engines/usr" ]; then
        export CACHEGROUND_ENGINES="$root/var/engines"
        export PATH="$PATH:$CACHEGROUND_ENGINES/usr/bin"
    fi
}

# Print the topmost directory above a path that users without rights of their own can't pass.
closed_above() {
    walked=$1
    topmost=
    while [ "$walked" != / ]; do
        walked=$(dirname -- "$walked")
        case $(ls -ld -- "$walked") in
            d????????[xt]*) ;;
            *) topmost=$walked ;;
        esac
    done
    if [ -n "$topmost" ]; then
        printf '%s\n' "$topmost"
    fi
}

# reachable COMMAND…: run it where the checkout and the interpreter can be read by the users that servers and sandboxes run under.
# A directory above them that is closed (a home of mode 0700) is covered, in a mount namespace of this command's own.
reachable() {
    cd -- "$root" || exit 1
    if [ "$(id -u)" -ne 0 ]; then
        exec "$@"
    fi
    case $(ls -ld -- "$root"):$(ls -l -- "$root/scripts/serve") in
        d??????r?[xt]*:-??????r*) ;;
        *) fail "Servers and sandboxes run under users of their own, and those can't read this checkout. Run this, then the same again:" \
            "  chmod -R go+rX '$root'" ;;
    esac
    prefix=$("$python" -I -S -c 'import sys; print(sys.base_prefix)')
    real_prefix=$(readlink -f -- "$prefix")
    binary=$(readlink -f -- "$python")
    installed=$(dirname -- "$(dirname -- "$binary")")
    if [ -z "$(closed_above "$root"; closed_above "$prefix"; closed_above "$real_prefix"; closed_above "$installed")" ]; then
        exec "$@"
    fi
    unshare --mount --propagation private true 2>/dev/null ||
        fail "$root or the Python it uses ($installed) lies below a directory that is closed to others, and this container can't cover it." \
            "Move the checkout (and use a Python) outside of such a directory, for instance to /srv/cacheground."
    exec unshare --mount --propagation private -- sh "$root/scripts/cover" "$root" "$prefix" "$real_prefix" "$installed" -- "$@"
}

#!/bin/sh
# Run a command with SECRET_KEY set: the one that is given, else one that is made once and kept in the state's volume.
set -eu
file=$CACHEGROUND_STATE/secret
if [ -z "${SECRET_KEY:-}" ]; then
    if [ ! -s "$file" ]; then
        umask 077
        python -c 'import secrets; print(secrets.token_urlsafe(48))' > "$file.new"
        mv "$file.new" "$file"
    fi
    SECRET_KEY=$(cat "$file")
    export SECRET_KEY
fi
exec "$@"

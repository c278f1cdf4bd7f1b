# Shared by the scripts beside this file: directories, settings and error messages. Sourced, never run.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Tools keep their files in .build, not in the source tree.
export PYTHONPYCACHEPREFIX="$PWD/.build/cache/pycache"
export HYPOTHESIS_STORAGE_DIRECTORY="$PWD/.build/cache/hypothesis"
export PG_CONFIG="${PG_CONFIG:-pg_config}"

# The Python of Debian's PL/Python. Another Python on the PATH would not find the modules of the server.
# shellcheck disable=SC2034  # used by those who source this
python=/usr/bin/python3

# The versions that releases/ has, one a line.
released() { sed -n 's/.*  releases\/\([^/]*\)\/.*/\1/p' releases/frozen.sha256 | sort --version-sort --unique; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command as root: directly, or with sudo (which asks for a password only on a terminal).
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        if [ -t 0 ]; then sudo -- "$@"; else sudo -n -- "$@"; fi
    else
        return 127
    fi
}

# Holds a lock until the script ends, so that two runs in one checkout do not install at the same time.
lock() {
    mkdir -p .build 2> /dev/null || true
    [ -w .build ] || die "$PWD/.build is not writable by $(id -un); it was made by another user: remove it"
    exec 9> ".build/$1.lock"
    flock 9
}

# Shared by the scripts beside this file: where things are, and how to complain. Sourced, never run.
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Tools leave what they keep in .build, not all over the source tree.
export PYTHONPYCACHEPREFIX="$PWD/.build/cache/pycache"
export HYPOTHESIS_STORAGE_DIRECTORY="$PWD/.build/cache/hypothesis"
export PG_CONFIG="${PG_CONFIG:-pg_config}"

# The Python that Debian's PL/Python embeds; another one on the PATH would not see the server's modules.
# shellcheck disable=SC2034  # used by those who source this
python=/usr/bin/python3

# The versions that releases/ has, one a line.
released() { sed -n 's/.*  releases\/\([^/]*\)\/.*/\1/p' releases/frozen.sha256 | sort --version-sort --unique; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command as root: directly, or by sudo (which asks for a password only where somebody can type one).
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        if [ -t 0 ]; then sudo -- "$@"; else sudo -n -- "$@"; fi
    else
        return 127
    fi
}

# Holds a lock for the rest of the script, so that two runs in one checkout do not install over each other.
lock() {
    mkdir -p .build 2> /dev/null || true
    [ -w .build ] || die "$PWD/.build is not writable by $(id -un); it was made by another user: remove it"
    exec 9> ".build/$1.lock"
    flock 9
}

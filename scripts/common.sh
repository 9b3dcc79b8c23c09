# shellcheck shell=bash
# What every script needs: the project's root, its one ignored folder, and words for people.
set -euo pipefail
export LC_ALL=C.UTF-8 # in some languages $EPOCHREALTIME has a comma

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SANDBOX_HOME=${SANDBOX_HOME:-$ROOT/.sandbox}
export LOGS=$SANDBOX_HOME/log
say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# usage TEXT: an argument was not understood.
usage() {
    printf 'usage: %s\n' "$*" >&2
    exit 2
}

# as_root COMMAND...: run it as root, through sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# own_home: SANDBOX_HOME may be left over from another checkout; its code would be used then.
own_home() {
    local owner
    owner=$(cat "$SANDBOX_HOME/project" 2>/dev/null) || return 0
    [ "$owner" = "$ROOT" ] || [ ! -d "$owner" ] || [ "$SANDBOX_HOME" = "$ROOT/.sandbox" ] ||
        die "SANDBOX_HOME=$SANDBOX_HOME belongs to the project in $owner; unset SANDBOX_HOME and try again"
}

# activate: the environment of an installed project.
activate() {
    own_home
    [ -f "$SANDBOX_HOME/activate" ] || die "not installed yet; run scripts/install"
    # shellcheck source=/dev/null
    . "$SANDBOX_HOME/activate"
}

# seconds_since START: seconds since START, which came from $EPOCHREALTIME.
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# toolchain: nothing is kept outside .sandbox/, and nothing but the pins is used.
toolchain() {
    export TOOLS=$SANDBOX_HOME/tools
    export GOCACHE=$SANDBOX_HOME/cache/go-build GOMODCACHE=$SANDBOX_HOME/cache/go-mod
    export GOFLAGS="-mod=readonly -trimpath -modcacherw" GOTOOLCHAIN=local
    export UV_PROJECT_ENVIRONMENT=$SANDBOX_HOME/venv UV_CACHE_DIR=$SANDBOX_HOME/cache/uv
    export UV_PYTHON_DOWNLOADS=never
}

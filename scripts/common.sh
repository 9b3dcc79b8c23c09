# shellcheck shell=bash
# What every script needs: the project's root, its one ignored folder, and words for people.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SANDBOX_HOME=${SANDBOX_HOME:-$ROOT/.sandbox}
export LOGS=$SANDBOX_HOME/log

say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# as_root COMMAND...: run it as root, through sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# activate: the environment of an installed project.
activate() {
    [ -f "$SANDBOX_HOME/activate" ] || die "not installed yet; run scripts/install"
    # shellcheck source=/dev/null
    . "$SANDBOX_HOME/activate"
}

# seconds_since START: seconds since START, which came from $EPOCHREALTIME.
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

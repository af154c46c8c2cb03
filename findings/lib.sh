# lib.sh - a folder of its own with pinned packages, and what they print held to what was seen
set -eu
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"

packages() { # packages NAME==VERSION...
    python3 -m venv venv
    venv/bin/pip install -q --disable-pip-version-check "$@"
}

# seen 'text' : venv's Python prints exactly that for the program on standard input
seen() {
    venv/bin/python - >got
    printf '%s\n' "$1" >want
    if ! diff want got; then
        echo "$(basename "$0"): the behaviour is another than the one described" >&2
        exit 1
    fi
    cat got
}

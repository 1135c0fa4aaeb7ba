#!/bin/sh
# Builds the package into a virtual environment under target/ and runs its tests. Called by .ci/test.
set -eu
cd "$(dirname "$0")"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "skipped: no Python 3.11 or newer (set PYTHON to one)"
    exit 0
}
venv=../target/venv
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'maturin>=1.16,<2' 'pytest>=8' 'hypothesis>=6' 'mypy>=1.11' || {
    echo "skipped: the test tools cannot be installed (no package index?)"
    exit 0
}
# maturin develop needs to know the environment; a debug build is enough for tests and shares target/ with cargo.
VIRTUAL_ENV=$(cd "$venv" && pwd) "$venv/bin/maturin" develop --quiet
"$venv/bin/python" -m pytest -q tests
"$venv/bin/python" -m mypy.stubtest asglog --ignore-disjoint-bases 2>/dev/null || "$venv/bin/python" -m mypy.stubtest asglog

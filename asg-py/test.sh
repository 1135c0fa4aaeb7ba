#!/bin/sh
# Builds the package into a virtual environment under target/ and runs its tests, for .ci/test.
#     test.sh --install      installs the tools of the tests only
set -eu
cd "$(dirname "$0")"

skip() {
    echo "skipped: the Python package is not tested: $*"
    exit 0
}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip "there is no Python 3.11 or newer (set PYTHON to one)"
venv=$(cd .. && pwd)/target/venv
[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv" || skip "$python cannot make a virtual environment"
pip() { "$venv/bin/python" -m pip install --quiet --no-cache-dir --no-compile --disable-pip-version-check "$@"; }
tools='maturin>=1.16,<2 pytest>=8 hypothesis>=6.100 mypy>=1.11 ruff>=0.12'
checker='pyright[nodejs]>=1.1.400'
# Tests of consumers skip libraries that are not installed. Some of these belong together.
consumers='pyarrow>=18
pandas>=2.2
polars>=1.0
duckdb>=1.1
matplotlib>=3.8
tqdm
dask>=2024.8
nbclient>=0.10 ipykernel>=6.29
fsspec>=2024.2
prometheus_client>=0.20
pyspark[connect]>=4.0'
# All at once, which is quickest. If that fails, one by one, so that one does not cost the others.
# shellcheck disable=SC2086 # They are words.
if ! pip $tools $checker $consumers 2>/dev/null; then
    # shellcheck disable=SC2086
    pip $tools || skip "the test tools cannot be installed (no package index?)"
    echo "$consumers" | while read -r consumer; do
        # shellcheck disable=SC2086
        pip $consumer || echo "skipped: tests with $consumer, which cannot be installed"
    done
    pip "$checker" || echo "skipped: pyright cannot be installed"
fi
# Spark runs in Java. If that cannot be installed, its tests are skipped, and show it.
command -v java >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null ||
    apt-get install -qq -y openjdk-17-jre-headless >/dev/null 2>&1 || echo "Java cannot be installed"
[ "${1-}" != --install ] || exit 0

# A debug build is enough for tests, and shares target/ with cargo.
VIRTUAL_ENV=$venv "$venv/bin/maturin" develop --quiet
"$venv/bin/python" -m ruff check python tests bench ../examples/notebooks/sample.py
"$venv/bin/python" -m mypy --strict python tests bench
"$venv/bin/python" -m mypy.stubtest asglog
if [ -x "$venv/bin/pyright" ]; then
    # It fails below 100 %. It looks into the Python in PATH.
    PATH=$venv/bin:$PATH "$venv/bin/pyright" --verifytypes asglog --ignoreexternal >"$venv/verifytypes" || {
        cat "$venv/verifytypes"
        exit 1
    }
fi
# The tests of Spark wait for other processes, so both halves go side by side.
"$venv/bin/python" -m pytest -q -rs -m spark tests >"$venv/spark.log" 2>&1 &
spark=$!
"$venv/bin/python" -m pytest -q -rs -m 'not spark' tests || {
    kill "$spark" 2>/dev/null || true # It may have ended.
    exit 1
}
status=0
wait "$spark" || status=$?
cat "$venv/spark.log"
# Status 5: no test was chosen.
[ "$status" = 0 ] || [ "$status" = 5 ]

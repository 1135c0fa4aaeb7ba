#!/bin/sh
# Builds the package into a virtual environment under target/ and runs its tests, for .ci/test.
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
pip() { "$venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "$@"; }
pip 'maturin>=1.16,<2' 'pytest>=8' 'hypothesis>=6.100' 'mypy>=1.11' 'ruff>=0.12' ||
    skip "the test tools cannot be installed (no package index?)"
# Tests of consumers skip libraries that are not installed.
for consumer in 'pyarrow>=18' 'pandas>=2.2' 'polars>=1.0' 'duckdb>=1.1' 'matplotlib>=3.8' tqdm 'dask>=2024.8' \
    'nbclient>=0.10 ipykernel>=6.29' 'fsspec>=2024.2' 'prometheus_client>=0.20' \
    'pyspark>=4.0'; do
    # shellcheck disable=SC2086 # Some belong together.
    pip $consumer || echo "skipped: tests with $consumer, which cannot be installed"
done
# Spark runs in Java. If that cannot be installed, its tests are skipped, and show it.
command -v java >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null ||
    apt-get install -qq -y openjdk-17-jre-headless >/dev/null 2>&1 || echo "Java cannot be installed"
pip 'pyright[nodejs]>=1.1.400' || echo "skipped: pyright cannot be installed"

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
"$venv/bin/python" -m pytest -q -rs tests

#!/bin/sh
# Installs, once, the mock server that tests/contract.rs runs beside the embedded one: into the
# target folder, from npm. Without node or npm it prints the reason and succeeds; .ci/test then
# skips the test with the mock.
set -eu
cd "$(dirname "$0")/../../.."

version=5.14.2
folder="${CARGO_TARGET_DIR:-target}/prism"

if [ -e "$folder/node_modules/@stoplight/prism-cli/package.json" ]; then exit 0; fi
for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || { echo "skipped: no mock server without $program"; exit 0; }
done
mkdir -p "$folder"
# Its packages need no scripts of their own at installation.
if ! npm install --prefix "$folder" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error \
    --fetch-timeout=20000 --fetch-retries=1 "@stoplight/prism-cli@$version" >/dev/null; then
    rm -rf "$folder"
    echo "skipped: npm cannot install the mock server"
fi

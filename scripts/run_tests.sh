#!/usr/bin/env bash
# run_tests.sh: every check and test. Static checks run beside the unit tests; tests on real parts run after them,
# because they measure the machine's processes and mounts for leaks.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
export PYTHONDONTWRITEBYTECODE=
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

static() {
    $bin/ruff format --check src tests scripts benchmarks
    $bin/ruff check src tests scripts benchmarks
    $bin/mypy
    $bin/lint-imports --no-cache
}

started=$SECONDS
static >"$logs/static" 2>&1 &
static_pid=$!
$bin/pytest -n 2 tests/unit
echo "unit tests: $((SECONDS - started)) s"
if ! wait "$static_pid"; then
    cat "$logs/static"
    exit 1
fi
tail -n 4 "$logs/static"
$bin/pytest -n 2 --dist loadfile tests/library tests/manager tests/docs tests/cluster tests/clients
echo "whole clusters: $((SECONDS - started)) s"
$bin/pytest tests/real
echo "everything: $((SECONDS - started)) s"

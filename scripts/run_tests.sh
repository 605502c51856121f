#!/usr/bin/env bash
# run_tests.sh: every check and test. Static checks run beside the clusters of virtual time, which are never late; tests on
# real parts run last and alone, because they measure the machine's processes and mounts for leaks.
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
$bin/pytest -n 2 tests/unit
echo "unit tests: $((SECONDS - started)) s"
static >"$logs/static" 2>&1 &
static_pid=$!
$bin/pytest -n 2 --dist loadfile tests/apiserver tests/library tests/manager tests/docs tests/conformance
if ! wait "$static_pid"; then
    cat "$logs/static"
    exit 1
fi
tail -n 4 "$logs/static"
$bin/pytest -n 2 --dist loadfile tests/cluster tests/clients
echo "whole clusters: $((SECONDS - started)) s"
$bin/pytest tests/real
echo "everything: $((SECONDS - started)) s"

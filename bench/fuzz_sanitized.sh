#!/usr/bin/env bash
# Run the fuzzer of the compiled part with the C compiler's sanitizers: a read or a write outside of what is
# allocated, or an undefined operation, ends it at once. Arguments are those of fuzz_speedups.py.
#
#     bench/fuzz_sanitized.sh --seconds 600 --seed 1
#
# The compiled part is built anew, in a temporary folder; PYTHON (else .venv/bin/python) is what it is built with.
# Leaks are not looked for, as Python itself keeps memory until its end.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath --no-symlinks "${PYTHON:-.venv/bin/python}")
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT

sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=all"
git clone --quiet --no-hardlinks . "$built/source" 2>/dev/null || cp -r . "$built/source"
CFLAGS="$sanitizers -fno-omit-frame-pointer -g -O1" LDFLAGS="$sanitizers" \
    "$python" -m pip install --quiet --no-deps --target "$built/site" "$built/source"
LD_PRELOAD="$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONPATH="$built/site" \
    "$python" bench/fuzz_speedups.py "$@"

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
#
# Scenarios in two emulators, or one with EMULATORS=1. Sourced by the runs that
# make their scenarios, which set lab and build.

# run_shared DIR SCENARIO...: the emulators go through the scenarios from both
# ends until they meet. DIR/NAME.json is the result of each. After a signal,
# those that have ended are there, and interrupted is not empty.
run_shared() {
    local dir=$1 order runners=() r
    shift
    interrupted=
    # The image first, or both emulators would make it.
    "$lab/image" "$build/lab/cache" >/dev/null
    trap 'interrupted=1; kill "${runners[@]}" 2>/dev/null' INT TERM HUP
    for order in cat tac; do
        # shellcheck disable=SC2046
        "$lab/run" --lines --share "$dir" \
            $(printf '%s\n' "$@" | $order) >&2 &
        runners+=($!)
        [ "${EMULATORS:-2}" = 2 ] || break
    done
    for r in "${runners[@]}"; do
        # A signal ends wait before the run has ended.
        while kill -0 "$r" 2>/dev/null; do
            wait "$r" || true
        done
    done
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# From the files that a scenario left to its result as JSON. Sourced by run.

# text FILE: its content for jq, cut to a size a reader can bear.
text() {
    if [ -e "$1" ]; then
        head -c 65536 "$1"
    fi
}

# Prints the failed expectations of a step, one a line.
step_failures() {
    local s=$1 want line status
    text "$s/failures"
    # Nor could what must come out.
    [ -s "$s/name" ] ||
        echo "its name could not be written: dom0's file system is full"
    status=$(text "$s/status")
    want=$(text "$s/want/status")
    [ -z "$want" ] || [ "$want" = "$status" ] ||
        echo "exit status ${status:-unknown}, not $want"
    want=$(text "$s/want/guest")
    [ -z "$want" ] || [ "$want" = "$(text "$s/guest")" ] ||
        echo "the guest is at: $(text "$s/guest"), not: $want"
    want=$(text "$s/want/outcome")
    line=$(jq -r '.outcome' "$s/report.json" 2>/dev/null) || line=
    [ -z "$want" ] || [ "$want" = "$line" ] ||
        echo "outcome ${line:-unknown}, not $want"
    for stream in stderr stdout; do
        while IFS= read -r line; do
            tr '\r' '\n' <"$s/$stream" | grep -q -E -e "$line" ||
                echo "$stream lacks: $line"
        done < <(text "$s/want/$stream")
    done
    while IFS= read -r line; do
        ! tr '\r' '\n' <"$s/stderr" | grep -q -E -e "$line" ||
            echo "stderr has: $line"
    done < <(text "$s/want/stderr_not")
    while IFS= read -r line; do
        jq -e "$line" "$s/report.json" >/dev/null 2>&1 ||
            echo "report: not true: $line"
    done < <(text "$s/want/report")
}

step_json() {
    local s=$1
    jq -n \
        --arg name "$(text "$s/name")" \
        --arg command "$(text "$s/command")" \
        --arg status "$(text "$s/status")" \
        --arg stdout "$(text "$s/stdout" | tr -d '\0')" \
        --arg stderr "$(text "$s/stderr" | tr -d '\0')" \
        --arg receiver "$(text "$s/receiver.log" | tr -d '\0')" \
        --arg time "$(text "$s/time-us")" \
        --arg guest "$(text "$s/guest")" \
        --arg writer "$(text "$s/writer")" \
        --arg probe "$(text "$s/probe")" \
        --arg true_downtime "$(text "$s/true-downtime-us")" \
        --arg true_times "$(text "$s/true-times-us")" \
        --arg clock_error "$(text "$s/clock-error-us")" \
        --arg link_bytes "$(text "$s/link-bytes")" \
        --arg report "$(jq -c . "$s/report.json" 2>/dev/null)" \
        --arg checks "$(text "$s/checks")" \
        --arg failures "$(step_failures "$s" 2>&1)" '
        def lines: split("\n") | map(select(. != ""));
        def number: if . == "" then null else tonumber? // . end;
        def pairs: lines | join(" ") | split(" ") |
            map(select(. != "") | split("=") |
                {key: .[0], value: (.[1] | number)}) | from_entries;
        {
            name: $name, command: $command, status: ($status | number),
            "virtual-time-us": ($time | number),
            "true-downtime-us": ($true_downtime | number),
            "clock-error-us": ($clock_error | number),
            "true-stopped-us": ($true_times | lines | .[0] // "" | number),
            "true-started-us": ($true_times | lines | .[1] // "" | number),
            "link-bytes": ($link_bytes | number),
            guest: (if $guest == "" then null else $guest end),
            "guest-state": ($writer | pairs),
            probe: (if $probe == "" then null else $probe | pairs end),
            report: (if $report == "" then null else $report | fromjson end),
            "checks-passed": ($checks | lines),
            failures: ($failures | lines),
            stdout: $stdout, stderr: $stderr, "receiver-stderr": $receiver
        }'
}

# result_json NAME DIR FAULTS VERSIONS
result_json() {
    local dir=$2 s
    # In the order of their numbers: 10 comes after 9.
    find "$dir" -maxdepth 1 -name 'step[0-9]*' -type d | sort -V |
        while IFS= read -r s; do
            step_json "$s"
        done | jq -s \
        --arg scenario "$1" \
        --arg failures "$(text "$dir/failures")" \
        --arg unhealthy "$(text "$dir/unhealthy")" \
        --arg console "$(text "$dir/console" | tr -d '\0')" \
        --arg log "$(text "$dir/log" | tr -d '\0')" \
        --arg wall "$(text "$dir/wall-s")" \
        --arg time "$(text "$dir/time-us")" \
        --arg start "$(text "$dir/guest-start-us")" \
        --arg faults "$3" \
        --arg versions "$(cat "$4")" '
        def lines: split("\n") | map(select(. != ""));
        def number: if . == "" then null else tonumber? // . end;
        . as $steps |
        ($failures | lines) + [$steps[] | .name as $n | .failures[] |
            "\($n): \(.)"] |
        . as $all |
        {
            scenario: $scenario,
            verdict: (if $unhealthy != "" then "emulator-fault"
                elif $all != [] then "fail" else "pass" end),
            failures: $all,
            steps: $steps,
            "virtual-s": ($time | number |
                if type == "number" then . / 1000000 else . end),
            "wall-s": ($wall | number),
            "guest-start-us": ($start | number),
            health: (if $unhealthy == "" then "good" else "bad" end),
            "health-problems": ($unhealthy | lines),
            "emulator-faults": ($faults | number),
            packages: ($versions | lines |
                map(split("=") | {key: .[0], value: .[1]}) | from_entries)
        } +
        # Of use only when something went wrong.
        (if $all == [] and $unhealthy == "" then {}
            else {console: $console, log: $log} end)'
}

# One line for a person: passed or failed, and why.
result_line() {
    jq -r '"\(.verdict)\t\(.scenario)\t\(.["wall-s"] // "?") s" +
        (if .["emulator-faults"] > 0
            then "\t(\(.["emulator-faults"]) emulator faults)" else "" end) +
        (.failures + .["health-problems"] | map("\n\t\(.)") | join(""))' "$1"
}

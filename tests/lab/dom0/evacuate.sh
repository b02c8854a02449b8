# SPDX-License-Identifier: GPL-2.0-or-later
#
# Evacuations of several guests, to targets that are this host. For scenarios
# that read it: . /job/evacuate.sh. names: the guests that are there.

xl=ours
options='--reserve=16 --calc-time=1s --precopy-downtime=700ms'
evacuations=/var/lib/xen-precopy/history/evacuation
journal=$evacuations/journal.jsonl
names=

# More guests than one are restored from one that was saved.
can_restore() {
    [ $fresh_guest = no ] && is_plain
}

# add_guest NAME: one more, with the variables as they are.
add_guest() {
    guest=$1
    start_guest || return
    names="$names $guest"
    guests=$(echo $names | wc -w)
}

# to HOST xl COMMAND...: "dying" is there as long as /tmp/dying is. It takes
# one guest, and dies four seconds after the next one has begun to come.
make_transport() {
    cat >/tmp/to <<END
#!/bin/sh
if [ "\$1" = dying ]; then
    [ -e /tmp/dying ] || exit 1
fi
case "\$*" in
    *' info') exec $stock_xl info ;;
    *' list') echo Name ; exit ;;
    'dying '*)
        if [ -e /tmp/took-one ]; then
            (sleep 4; rm /tmp/dying; kill \$\$) &
        fi
        touch /tmp/took-one
        ;;
esac
exec $(transport)
END
    chmod 755 /tmp/to
}

# Where each guest was, as its domain's number.
note_places() {
    local g
    for g in $names; do
        echo "$g $(domid $g)"
    done >"$step/places"
}

has_moved() {
    [ "$(domid "$1")" != "$(awk -v g="$1" '$1 == g { print $2 }' \
        "$step/places")" ]
}

# all_moved GUEST...
all_moved() {
    local g
    for g in "$@"; do
        check "$g has moved" has_moved $g
    done
}

# stays GUEST...
stays() {
    local g
    for g in "$@"; do
        ! has_moved $g || fail "$g is not where it was"
    done
}

# How many migrations the journal has of a guest: started GUEST
started() {
    grep -c "\"event\":\"start\".*\"domain\":\"$1\"" $journal
}

# All guests: each in one place, and its memory and its disk intact.
check_all() {
    for guest in $names; do
        check "$guest runs and its memory is intact" guest_is_intact
        [ ! -e "$(disk_file)" ] ||
            check "the disk of $guest has every acknowledged write" \
                disk_is_sound
    done
    check "no second domain of any guest" one_domain $guests
    check "no process is left" wait_for 30 no_processes
    check "no precopy node is left in xenstore" no_precopy_node
    check "no device of a domain that is gone is left" \
        wait_for 10 no_stale_device
}

# The report of the evacuation, and those of its migrations.
join_reports() {
    local f first=
    [ -e "$step/report.json" ] || return 0
    {
        echo '{"evacuation":'
        cat "$step/report.json"
        echo ',"migrations":['
        for f in $evacuations/*.report; do
            [ -e "$f" ] || continue
            printf '%s' "$first"
            cat "$f"
            first=,
        done
        echo ']}'
    } >"$step/reports"
    mv "$step/reports" "$step/report.json"
}

# For expect_report: no two guests were suspended at the same time.
in_turn='[.migrations[] | select(.["suspended-us"] and .["actual-downtime-us"]) | (.["start-monotonic-us"] + .["suspended-us"]) as $at | {a: $at, b: ($at + .["actual-downtime-us"])}] | sort_by(.a) | [range(1; length) as $i | .[$i].a >= .[$i - 1].b] | all'

# The same: the end was predicted within 10% before the first guest moved.
well_predicted='.evacuation | (.["predicted-end-ms"] / ([.guests[] | .["end-ms"] // 0] | max)) | . >= 0.9 and . <= 1.1'

# The values of a member of the report, in its order: reported NAME
reported() {
    tr '{,}' '\n\n\n' <"$last_step/report.json" |
        sed -n "s/^ *\"$1\": *\([0-9]*\).*/\1/p"
}

# When the last one had moved, and when that was predicted.
say_times() {
    # shellcheck disable=SC2046
    set -- $(reported end-ms | sort -n | tail -n 1) $(reported predicted-end-ms)
    say "$(cat "$last_step/name"): $1 ms, predicted $2 before, $3 after the first guest"
}

evacuation_begin() {
    step_begin "$1"
    write_receiver
    link_up
    make_transport
    note_places
    rm -f $evacuations/*.report $evacuations/*.progress $journal
}

# evacuation NAME OPTIONS...: of all guests, with what the variables say. What
# after() begins is part of the step.
evacuation() {
    evacuation_begin "$1"
    shift
    # shellcheck disable=SC2086
    set -- "$our_xl" evacuate -s /tmp/to --link="${link%mbit}Mbit" $options \
        --report="$step/report.json" "$@" $names
    run_during "$@"
    after
    link_down
    check_all
    check_sanitizers
    join_reports
    step_end
}

# ---- moments, for during() ----------------------------------------------

# Something is being sent.
is_moving() {
    grep -q '"event":"sending"' $evacuations/*.progress 2>/dev/null
}

is_suspended() {
    domains | grep -q " $1 .*s"
}

# at COMMAND...: as soon as that succeeds.
at() {
    wait_for 240 "$@" || {
        fail "during: never: $*"
        return 1
    }
}

# at_switchover GUEST: while it is suspended. It is looked for all the time
# from its second iteration on: it may be short.
at_switchover() {
    local until
    $await node "/libxl/$(domid "$1")/precopy/progress" 240 iteration 1
    read_uptime
    until=$((now_us + 60000000))
    until is_suspended "$1"; do
        read_uptime
        [ "$now_us" -lt "$until" ] || {
            fail "during: $1 was never seen suspended"
            return 1
        }
    done
}

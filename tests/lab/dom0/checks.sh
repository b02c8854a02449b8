# SPDX-License-Identifier: GPL-2.0-or-later
#
# What must be true after a step, whatever it did. Part of lib.sh.

check() {
    local what=$1
    shift
    if "$@"; then
        passed "$what"
    else
        fail "$what"
    fi
}

guest_location() {
    local id
    id=$(domid)
    if [ -z "$id" ]; then
        echo nowhere
    elif [ "$id" = "$source_id" ]; then
        echo source
    else
        echo target
    fi
}

# Running, and a whole check of its memory begun now ends well in time.
guest_is_intact() {
    local id
    id=$(domid) && $await check "$id" "$alive_within" >"$step/writer" &&
        grep -q ' bad=0 ' "$step/writer"
}

# No migration has made this domain.
is_first_id() {
    case " $first_ids " in
        *" $1 "*) ;;
        *) return 1 ;;
    esac
}

guest_crashed() {
    domains | grep -q " $guest .*c"
}

# Takes a processor's time although its workload has stopped.
guest_spins() {
    local id beats before now
    id=$(domid)
    beats=$(writer_number "$id" beats)
    before=$($stock_xl list "$id" | awk 'NR == 2 { print int($6) }')
    sleep 4
    now=$($stock_xl list "$id" | awk 'NR == 2 { print int($6) }')
    [ "$beats" = "$(writer_number "$id" beats)" ] &&
        [ $((now - before)) -ge 2 ]
}

log_dirty_is_off() {
    [ "$($domtool logdirty "$(domid)")" = off ]
}

one_domain() {
    [ "$(domains | wc -l)" = "$1" ]
}

no_processes() {
    left_processes=$(pids_of 'xl migrate|migrate-receive|libxl-save-helper|bin/save-guard')
    [ -z "$left_processes" ]
}

no_precopy_node() {
    local d
    for d in $(xenstore-list /libxl); do
        ! xenstore-exists "/libxl/$d/precopy" || return 1
    done
}

# UBSan, beside ASan, heeds no log_path: its reports are on stderr.
sanitizer_reports() {
    cat /tmp/sanitizer.* 2>/dev/null |
        sed -e '/^Shadow bytes/,/^==/d' -e '/^=*$/d'
    rm -f /tmp/sanitizer.*
    cat "${step:-$out}"/* 2>/dev/null | sed -n '/: runtime error: /,/^$/p'
}

# For after(): what the receiver verified (--debug) is what it had received.
no_page_differs() {
    check "no page differs" [ "$(grep -c 'verify pfn' \
        "$step/receiver.log")" = 0 ]
}

# With --debug in every migration: no page differs, and the downtime, in which
# all pages are sent once more, has no bound.
verified() {
    case $with in
        *--debug*) ;;
        *) return 0 ;;
    esac
    no_page_differs
    expect_report=$(echo "$expect_report" |
        grep -v 'actual-downtime-us"\] *<')
    [ "$expect_outcome" != migrated ] || expect_report="$expect_report
        .verified == true"
}

# A sanitizer's report is a failure, in its own words.
check_sanitizers() {
    local reports
    [ -e $sanitizers ] || return 0
    reports=$(sanitizer_reports)
    if [ -n "$reports" ]; then
        fail "a sanitizer's report:
$reports"
    else
        passed "no sanitizer has a report"
    fi
}

# What must be true after a step, whatever it did.
check_guest() {
    local where
    [ -n "$expect_guest" ] || return 0
    # The receiver's end is a little later than the sender's.
    check "no process is left" wait_for 10 no_processes
    where=$(guest_location)
    echo "$where" >"$step/guest"
    if [ "$expect_guest" = nowhere ]; then
        check "no domain is left" one_domain $((guests - 1))
        check_devices
        return
    fi
    check "one domain, no second one" one_domain "$guests"
    check "log-dirty is off" log_dirty_is_off
    check "the guest runs and its memory is intact" guest_is_intact
    # Only of a guest that was never migrated can it be said whose fault it is.
    if [ ! -s "$step/writer" ] && [ "$where" = source ] &&
        is_first_id "$source_id" && { guest_crashed || guest_spins; }; then
        echo "the guest's kernel crashed or hangs where it has run all the time" \
            >>"$out/unhealthy"
    fi
    check "no precopy node is left in xenstore" no_precopy_node
    check_devices
}

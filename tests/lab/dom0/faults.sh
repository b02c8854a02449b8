# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fault matrix: one fault, at one phase of a migration, and what must be
# true afterwards. A scenario sources this file and calls `cell FAULT PHASE`.
# tests/lab/README.md, "Faults", describes both.

faults='transport-killed target-xl-killed target-power-off link-cut link-slowed
    xl-sigterm xl-sigkill helper-killed xenstored-stalled report-disk-full
    guest-reboots guest-shuts-down guest-crashes'
phases='before iteration-1 iteration-3 slowed asked sending ended ready go'

workload=uniform,mib=8,rate=3000,verify=1000
# Otherwise the guest is suspended before a fault could be applied.
late=,freeze-late=4000
# The receiver has the connection itself, with nothing between.
listener_options=,nofork
# With a monitor, which one that was migrated does not have here.
create_options=
watched=yes
xl=ours
# At least three iterations, at most four.
cell_options='--precopy-switchover-overhead=20ms --precopy-downtime=60ms'
cell_options="$cell_options --precopy-max-downtime=60s"
cell_options="$cell_options --precopy-on-timeout=suspend"
cell_options="$cell_options --precopy-early-abort=off --precopy-iterations=4"
# Slowed down after the first iteration, and given back this cap of its own.
slowed_workload=uniform,mib=48,rate=4500,cpu=40,verify=4000
slowed_options='--precopy-slow-down=80 --precopy-downtime=700ms'
slowed_options="$slowed_options --precopy-max-downtime=60s"
slowed_options="$slowed_options --precopy-on-timeout=suspend"
slowed_options="$slowed_options --precopy-iterations=20"
slowed_cap=90
# They are judged by this file.
expect_status=
expect_guest=

# ------------------------------------------------------------ expectations

# Does the guest still run, so that it could end by itself?
guest_could_end() {
    case $phase in
        before | iteration-1 | iteration-3 | slowed | asked) true ;;
        *) false ;;
    esac
}

# The monitor that xl create leaves ends when the guest is suspended.
monitor_ends() {
    [ $phase = asked ] || ! guest_could_end
}

# What may come out, one word or two: where the guest runs, "ended", or
# "unknown" where stock's protocol leaves it open.
expected() {
    case $fault-$phase in
        link-slowed-* | xenstored-stalled-* | report-disk-full-*) echo target ;;
        guest-*) guest_could_end && echo ended || echo target ;;
        xl-sigterm-go | xl-sigkill-go) echo target ;;
        # Nothing to kill: the helper is not yet, or no longer, there.
        helper-killed-before | helper-killed-ended | helper-killed-ready | \
            helper-killed-go) echo target ;;
        *-go) echo unknown ;;
        # The receiver's word is on its way: the go follows at once.
        link-cut-ready | target-power-off-ready) echo unknown ;;
        target-xl-killed-ready) echo source unknown ;;
        *) echo source ;;
    esac
}

# The exit status that belongs to a result.
expected_status() {
    case $fault-$1 in
        xl-sigkill-*) echo 137 ;;
        xl-sigterm-source) echo 5 ;;
        *-source | *-ended) echo 1 ;;
        *-unknown) echo 4 ;;
        *-target) echo 0 ;;
    esac
}

# ------------------------------------------------------------ the faults

apply() {
    case $fault in
        transport-killed) signal_matching KILL '^/job/gate' ;;
        target-xl-killed) signal_matching KILL '^/usr/sbin/xl migrate-receive' ;;
        target-power-off) target_power_off ;;
        link-cut) link_cut ;;
        link-slowed) link_set_rate 40mbit ;;
        xl-sigterm) signal_xl TERM ;;
        xl-sigkill) signal_xl KILL ;;
        helper-killed) signal_matching KILL 'libxl-save-helper --save-domain' ;;
        xenstored-stalled) kill -STOP "$(cat /run/xenstored.pid)" ;;
        report-disk-full)
            dd if=/dev/zero of=/tmp/full/rest bs=4k 2>/dev/null ;;
        guest-reboots) $domtool shutdown "$source_id" reboot ;;
        guest-shuts-down) $domtool shutdown "$source_id" poweroff ;;
        guest-crashes) $domtool shutdown "$source_id" crash ;;
        *) fail "no such fault: $fault" ;;
    esac
}

# Nothing there says a word any more: neither a process nor a kernel.
target_power_off() {
    local d
    link_cut
    signal_matching KILL \
        '^/usr/sbin/xl migrate-receive|--restore-domain|^socat.*TCP-LISTEN'
    for d in $(domains | awk -v s="$source_id" '$1 != s { print $1 }'); do
        $stock_xl destroy "$d"
    done
}

undo() {
    touch "$step/gate/release"
    kill -CONT "$(cat /run/xenstored.pid)"
}

# ------------------------------------------------------------ lib.sh's hooks

# What the sender's shell runs.
transport() {
    echo "exec /job/gate $step/gate $phase $source_id 10.9.0.2 4444"
}

before() {
    mkdir -p "$step/gate"
    # A dead link is noticed after six seconds, not after a quarter of an hour.
    echo 4 >/proc/sys/net/ipv4/tcp_retries2
    $ip netns exec b sh -c 'echo 4 >/proc/sys/net/ipv4/tcp_retries2'
    wc -l </proc/locks >/tmp/locks
    [ $phase != slowed ] || $stock_xl sched-credit -d "$guest" -c $slowed_cap
    [ $fault = report-disk-full ] || return 0
    mkdir -p /tmp/full
    mount -t tmpfs -o size=64k none /tmp/full
}

during() {
    if ! wait_for 90 test -e "$step/gate/held"; then
        fail "the phase was never reached"
        return
    fi
    sleep 0.3
    apply
    sleep 0.2
    touch "$step/gate/release"
    [ $fault != xenstored-stalled ] || sleep 2
    undo
}

# The link stays until both ends have done with it.
before_checks() {
    undo
    wait_for 20 nobody_is_left
}

after() {
    local result
    check "no process is left" wait_for 10 nobody_is_left '^socat'
    result=$(cell_result)
    echo "$result" >"$step/guest"
    case " $(expected) " in
        *" ${result%:*} "*) ;;
        *) fail "the guest: $result, not: $(expected)" ;;
    esac
    [ "$(cat "$step/status")" = "$(expected_status "${result%:*}")" ] ||
        fail "exit status $(cat "$step/status"), the guest: $result"
    check_left_behind "${result%:*}"
    check_said "${result%:*}"
    check_report "${result%:*}"
    [ $fault != report-disk-full ] || umount /tmp/full
}

# ------------------------------------------------------------ what came out

# nobody_is_left [REGEX]: nor what matches.
nobody_is_left() {
    left_processes=$(pids_of \
        "xl migrate|migrate-receive|libxl-save-helper|^/job/gate${1:+|$1}")
    [ -z "$left_processes" ]
}

# Ids of the domains that run, or could at any moment.
running() {
    domains | awk '$3 !~ /[pscd]/ { print $1 }'
}

# Ended by itself, and as its configuration says: started anew by the monitor
# that xl create left, gone, or preserved as it crashed.
has_ended() {
    case $fault in
        guest-reboots)
            wait_for 20 one_runs && [ "$(running)" != "$source_id" ] &&
                [ "$(domid)" = "$(running)" ] ;;
        guest-shuts-down) wait_for 10 one_domain 0 ;;
        guest-crashes) domains | grep -q "^$source_id $guest .*c" ;;
    esac
}

one_runs() {
    [ "$(running | wc -l)" = 1 ]
}

# One word: source, target, ended; or "unknown:" and where it runs.
cell_result() {
    local r where
    case $fault in
        guest-*) ! guest_could_end || ! has_ended || { echo ended; return; } ;;
    esac
    r=$(running)
    case $r in
        '') where=nowhere ;;
        "$source_id") where=source ;;
        *[!0-9]*) where=twice ;;
        *) where=target ;;
    esac
    ! suspended_away || where=unknown:$where
    echo "$where"
}

not_there() {
    [ -z "$(domid "$1")" ]
}

suspended_away() {
    domains | grep -q "^$source_id $guest--migratedaway .*s"
}

nodes_have_domains() {
    local there d
    there=" 0 $(domains | cut -d ' ' -f 1 | tr '\n' ' ')"
    for d in $(xenstore-list /libxl; xenstore-list /local/domain); do
        case $there in
            *" $d "*) ;;
            *) return 1 ;;
        esac
    done
}

no_suspend_request() {
    [ -z "$(xenstore-read "/local/domain/$(domid)/control/shutdown" \
        2>/dev/null)" ]
}

no_lock_is_held() {
    [ "$(wc -l </proc/locks)" -le "$(cat /tmp/locks)" ]
}

no_half_written_report() {
    ! ls "$step"/report.json.* /tmp/full/report.json.* >/dev/null 2>&1
}

no_log_dirty() {
    local d
    for d in $(domains | cut -d ' ' -f 1); do
        [ "$($domtool logdirty "$d")" = off ] || return 1
    done
}

# Killed outright, stock's receiver leaves its half-built domain, which can't
# run; so it does when it has received all and can't speak to the sender any
# more. Nothing on the source could remove it.
half_built_may_stay() {
    case $fault-$phase in
        target-xl-killed-*) true ;;
        transport-killed-* | link-cut-*) had_all ;;
        *) false ;;
    esac
}

# Has the target all of the guest, or will it?
had_all() {
    case $phase in
        ended | ready | go) true ;;
        *) false ;;
    esac
}

# remove_half_built RESULT
remove_half_built() {
    local d
    half_built_may_stay || return 0
    d=$(domains | awk -v n="$guest--incoming" '$2 == n { print $1 }')
    if [ -n "$d" ]; then
        check "the half-built domain is paused" \
            sh -c "$stock_xl list $d | tail -n 1 | grep -q -e '--p---'"
        $stock_xl destroy "$d"
    fi
    # Where it is unknown, both ends are to be looked at in any case.
    [ "$1" != source ] || ! had_all || says "$guest--incoming" ||
        fail "not said: that a half-built domain may be there"
}

check_left_behind() {
    remove_half_built "$1"
    check "log-dirty is off" no_log_dirty
    # A guest that reboots is created anew, under xl's lock.
    check "no lock is held" wait_for 60 no_lock_is_held
    check "no half-written report" no_half_written_report
    check "no node without a domain" wait_for 5 nodes_have_domains
    case $1 in
        unknown)
            check "it is suspended here" suspended_away
            check "and nothing is half-built" \
                one_domain $((1 + $(running | wc -l)))
            ;;
        ended)
            check "no precopy node" no_precopy_node
            check "nothing is half-built" not_there "$guest--incoming"
            [ $fault != guest-reboots ] ||
                check "it came up again" beats_within 60 "$(domid)"
            ;;
        *)
            check "one domain, no second one" one_domain 1
            check "it has its name" test -n "$(domid)"
            check "no suspend request" no_suspend_request
            check "no precopy node" no_precopy_node
            check_cap "$1"
            check "the guest runs and its memory is intact" guest_is_intact
            check_devices
            ;;
    esac
}

cap_of_guest() {
    $stock_xl sched-credit -d "$guest" | awk 'END { print $NF }'
}

# check_cap RESULT: the target's domain gets the cap with its configuration.
check_cap() {
    [ $phase = slowed ] || return 0
    check "its cap is what it was: $(cap_of_guest)" \
        [ "$(cap_of_guest)" = $slowed_cap ]
}

# ------------------------------------------------------------ what was said

says() {
    tr '\r' '\n' <"$step/stderr" | grep -q -i -E -e "$1"
}

# Each of these is said when it is true, and only then.
check_said() {
    local of text
    while read -r of text; do
        if [ "$of" = "$1" ]; then
            says "$text" || fail "not said: $text"
        else
            ! says "$text" || fail "said, and not true: $text"
        fi
    done <<END
source the guest (keeps running|runs) here|nothing was touched
target Migration of $guest: migrated
unknown state unknown
ended the guest (has shut down|is rebooting|has crashed|is gone)
END
    says '^suspended, copying' && [ "$1" = ended ] &&
        fail "said: that a guest that ended was suspended"
    # cell_options allow four.
    [ $phase = slowed ] || ! says '^iteration [5-9]' || fail "said: an iteration that there was not"
    ! says 'stop-and-copy .* 0 ms ' || fail "said: it took no time"
    [ $fault-$1 != report-disk-full-target ] ||
        says "report can't be written.*No space left" ||
        fail "not said: that the report can't be written"
}

check_report() {
    local outcome
    [ $fault != report-disk-full ] || return 0
    outcome=$(sed -n 's/^ *"outcome": "\(.*\)",*/\1/p' "$step/report.json")
    case $1-$outcome in
        source-failed | source-interrupted | ended-failed | \
            target-migrated | unknown-unknown) ;;
        *) fail "the report's outcome: $outcome, the guest: $1" ;;
    esac
}

# ------------------------------------------------------------ one cell

fresh_guest() {
    local workload=$workload guest_memory=$guest_memory
    destroy_guests
    # A new guest begins to number its writes anew.
    devices_down
    rm -f /var/log/xen/console/guest-*
    watched=yes
    case $phase in
        asked) workload=$workload$late ;;
        slowed)
            workload=$slowed_workload
            [ "$guest_memory" -ge 128 ] || guest_memory=128
            ;;
    esac
    start_guest
}

# Does the phase need a guest of its own? So does one that may boot again, with
# a disk that its earlier life has written to.
own_guest() {
    case $fault in
        guest-*) [ -z "$guest_disk" ] || return 0 ;;
    esac
    [ $phase = asked ] || [ $phase = slowed ]
}

cell() {
    fault=$1
    phase=$2
    report=yes
    # No limit is quickest; a link that is slowed needs one.
    link=max
    [ $fault != link-slowed ] || link=400mbit
    xl_options=$cell_options
    if [ $phase = slowed ]; then
        xl_options=$slowed_options
        [ $fault = link-slowed ] || link=100mbit
    fi
    if [ $fault = report-disk-full ]; then
        report=no
        xl_options="$xl_options --report=/tmp/full/report.json"
    fi
    # What becomes of a guest that ends is up to the monitor of xl create.
    case $fault in
        guest-*) ! guest_could_end || [ $watched = yes ] || destroy_guests ;;
    esac
    # Each phase its own kind of guest.
    ! own_guest || destroy_guests
    one_runs && [ -n "$(domid)" ] || fresh_guest || return
    migrate "$fault $phase"
    case $(cat "$last_step/guest") in
        # A monitor ends when the guest is suspended.
        source) ! monitor_ends || watched=no ;;
        target) watched=no ;;
        *) destroy_guests ;;
    esac
    ! own_guest || destroy_guests
    [ ! -s "$last_step/failures" ] || destroy_guests
}

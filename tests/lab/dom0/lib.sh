# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a scenario may use; tests/lab/README.md describes it. Runs in dom0
# under BusyBox's shell.

# BusyBox's shell prefers its own ip, tc and xl-less PATH lookups; these are
# the real ones.
ip=/usr/bin/ip
tc=/usr/sbin/tc
stock_xl=/usr/sbin/xl
stock_helper=$(echo /usr/lib/xen-*/bin/libxl-save-helper)
our_xl=/usr/local/bin/xl
domtool=/job/domtool
await=/job/await

. /job/checks.sh
. /job/devices.sh
. /job/guests.sh
. /job/link.sh
. /job/memory.sh

# How many times as slow our code may be: for bounds that its speed is in.
slower=1
# There when our programs have sanitizers in them (make lab-asan).
sanitizers=/usr/local/share/sanitizers/options.sh
[ ! -e $sanitizers ] || . $sanitizers

# ------------------------------------------------------------ defaults

guest=g1
guest_type=pvh
guest_memory=96
guest_vcpus=1
guest_kernel=/root/vmlinux
guest_tsc=always_emulate
guest_start=60
guests=1            # that are running
guest_config=
guest_extra=
create_options=-e
workload=idle
xl=stock
xl_options=
receiver=stock
receiver_options=-e
env=
link=
link_delay=
link_loss=
listener_options=
trace=no
report=yes
alive_within=30

expect_status=0
expect_outcome=
expect_guest=target
expect_stderr=
expect_stderr_not=
expect_stdout=
expect_report=

# What a whole run is to be done with.
with=
[ ! -e /job/with ] || read -r with </job/with
# Slowed down, a switchover may miss a limit that it would meet.
[ $slower = 1 ] || with="$with --precopy-strict=off"
case $with in
    *--precopy-channels=* | *--precopy-compress=*) receiver=ours ;;
esac

before() { :; }
during() { :; }
before_checks() { :; }
after() { :; }
steps() { migrate; }

# ------------------------------------------------------------ saying

# A failed expectation of the step at hand, or of the scenario.
fail() {
    echo "$*" >>"${step:-$out}/failures"
}

passed() {
    echo "$*" >>"${step:-$out}/checks"
}

say() {
    echo "LAB SAY $scenario: $*" >/dev/ttyS1
}

# Sets now_us. No process, not even a shell's for $(): they take time here.
read_uptime() {
    local up rest
    read -r up rest </proc/uptime
    now_us=${up%.*}${up#*.}0000
}

uptime_us() {
    read_uptime
    echo "$now_us"
}

# ------------------------------------------------------------ domains

# Lines "id name state" of all domains but dom0.
domains() {
    $domtool domains
}

domid() {
    $domtool domid "${1:-$guest}"
}

writer_state() {
    xenstore-read "/local/domain/$1/data/writer" 2>/dev/null
}

# One number of the writer's state: writer_number DOMID NAME
writer_number() {
    local word
    for word in $(writer_state "$1"); do
        [ "${word%%=*}" != "$2" ] || echo "${word#*=}"
    done
}

# For those that wait for nothing but time: nobody writes to it.
[ -p /tmp/alive ] || mkfifo /tmp/alive

# Sleeps for a tenth of a second, without a process.
doze() {
    read -r -t 0.1 _ || true
} <>/tmp/alive

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local now_us until
    read_uptime
    until=$((now_us + $1 * 1000000))
    shift
    while ! "$@"; do
        read_uptime
        [ "$now_us" -lt "$until" ] || return 1
        doze
    done
}

# beats_within SECONDS DOMID: returns when the guest's writer has come up.
beats_within() {
    $await beat "$2" "$1"
}

destroy_guests() {
    local d
    for d in $(domains | cut -d ' ' -f 1); do
        $stock_xl destroy "$d"
    done
}

# ------------------------------------------------------------ health

# Programs and libraries that an emulator's fault may have damaged.
sums() {
    find /usr /job -xdev -type f ! -path '*/modules/*' ! -path /job/receive \
        -exec md5sum {} + | sort -k 2
}

health_begin() {
    sums >/tmp/sums.boot
    dmesg -c >/dev/null
    xl dmesg -c >/dev/null
}

# What has gone wrong with the machine since, as lines.
health_faults() {
    sums >/tmp/sums
    cmp -s /tmp/sums /tmp/sums.boot || diff /tmp/sums.boot /tmp/sums
    dmesg -c | grep -E \
        'segfault|general protection|Oops|BUG:|Call Trace|invalid opcode|traps:'
    xl dmesg -c | grep -E 'Xen BUG|Panic|FATAL|Assertion'
    return 0
}

# ------------------------------------------------------------ processes

# Pids of the processes whose command line matches.
pids_of() {
    $domtool pids "$1"
}

# Signals all of the step's process group, as a terminal's Ctrl-C does.
signal_group() {
    kill "-$1" -- "-$(cat "$step/pid")"
}

# Signals the front end alone.
signal_xl() {
    kill "-$1" "$(cat "$step/pid")"
}

# signal_matching SIGNAL REGEX
signal_matching() {
    local p
    p=$(pids_of "$2")
    # shellcheck disable=SC2086
    [ -n "$p" ] && kill "-$1" $p
}

# For during(): returns when the policy has seen iteration N. It keeps its
# progress in xenstore, where the guest can not write.
wait_iteration() {
    $await node "/libxl/$source_id/precopy/progress" "${2:-120}" \
        iteration "$1" || fail "during: iteration $1 was never reached"
}

# For during(): returns when the policy is at work, in the first iteration.
wait_active() {
    $await node "/libxl/$source_id/precopy/active" 60 ||
        fail "during: no migration was ever under way"
}

# second NAME COMMAND...: another command, while the step's own one runs.
second() {
    local name=$1
    shift
    "$@" >"$step/$name.out" 2>&1
    echo $? >"$step/$name.status"
}

# second_ended NAME STATUS REGEX: how it ended, and what it said.
second_ended() {
    check "$1: status $2" [ "$(cat "$step/$1.status")" = "$2" ]
    check "$1: it says '$3'" grep -q -E -e "$3" "$step/$1.out"
}

# A receiver for a second migration, /tmp/receive2.
second_receiver() {
    printf '#!/bin/sh\nexec %s migrate-receive -e 2>>%s/receiver2.log\n' \
        $stock_xl "$step" >/tmp/receive2
    chmod 755 /tmp/receive2
}

# ------------------------------------------------------------ steps

xl_path() {
    case $1 in
        ours) echo $our_xl ;;
        stock) echo $stock_xl ;;
        *) echo "$1" ;;
    esac
}

step_begin() {
    steps_done=$((steps_done + 1))
    step=$out/step$steps_done
    mkdir -p "$step/want"
    echo "${1:-migrate}" >"$step/name"
    say "$(cat "$step/name")"
    source_id=$(domid)
}

# Keeps what must come out; the host compares.
step_wants() {
    local w
    for w in status outcome guest stderr stderr_not stdout report; do
        eval "printf '%s\n' \"\$expect_$w\"" | sed '/^ *$/d' >"$step/want/$w"
        [ -s "$step/want/$w" ] || rm "$step/want/$w"
    done
}

trace_start() {
    [ "$trace" = yes ] || return 0
    xentrace -D -e 0x00021000 "/tmp/trace" >/dev/null 2>&1 &
    tracer=$!
    sleep 0.5
}

trace_end() {
    [ "$trace" = yes ] || return 0
    sleep 0.5
    kill -INT "$tracer"
    wait "$tracer"
    $domtool downtime /tmp/trace "$source_id" "$(domid)" "$step"
    rm -f /tmp/trace
}

# What the transport runs at its end.
write_receiver() {
    printf '#!/bin/sh\nexec %s migrate-receive %s 2>>%s/receiver.log\n' \
        "$(receiver_namespace)$(xl_path "$receiver")" "$receiver_options" \
        "${step:-$out}" >/job/receive
    chmod 755 /job/receive
}

# run_during COMMAND...: the command of the step, with during() beside it.
run_during() {
    (during) &
    during_pid=$!
    echo "$*" >"$step/command"
    $domtool run "$step" env "$@"
    kill $during_pid 2>/dev/null
    wait $during_pid 2>/dev/null
}

step_end() {
    step_wants
    last_step=$step
    step=
}

# migrate [NAME [GUEST]]: one migration as the variables say.
migrate() {
    local options="$xl_options"
    step_begin "${1:-}"
    if [ "$xl" = ours ]; then
        options="$with $options"
        [ "$report" != yes ] || options="$options --report=$step/report.json"
    fi
    write_receiver
    link_up
    before
    probe_start
    trace_start
    eval "set -- $env $(xl_path "$xl") migrate $options \
        $(migrate_to "${2:-$guest}")"
    run_during "$@"
    trace_end
    probe_end
    before_checks
    link_down
    check_guest
    check_sanitizers
    after
    verified
    step_end
}

# run_command NAME COMMAND...: any command as a step.
run_command() {
    step_begin "$1"
    shift
    echo "$*" >"$step/command"
    $domtool run "$step" env "$@"
    check_guest
    check_sanitizers
    after
    step_end
}

# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a scenario may use; tests/lab/README.md describes it. Runs in dom0
# under BusyBox's shell.

# BusyBox's shell prefers its own ip, tc and xl-less PATH lookups; these are
# the real ones.
ip=/usr/bin/ip
tc=/usr/sbin/tc
stock_xl=/usr/sbin/xl
our_xl=/usr/local/bin/xl
domtool=/job/domtool

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
guest_config=
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

# Without a process: it is asked often, and those take time here.
uptime_us() {
    local up rest
    read -r up rest </proc/uptime
    echo "${up%.*}${up#*.}0000"
}

# ------------------------------------------------------------ domains

# Lines "id name state" of all domains but dom0.
domains() {
    $stock_xl list | awk 'NR > 1 && $2 != 0 { print $2, $1, $5 }'
}

domid() {
    $stock_xl domid "${1:-$guest}" 2>/dev/null
}

writer_state() {
    xenstore-read "/local/domain/$1/data/writer" 2>/dev/null
}

# One number of the writer's state: writer_number DOMID NAME
writer_number() {
    writer_state "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local until
    until=$(($(uptime_us) + $1 * 1000000))
    shift
    while ! "$@"; do
        [ "$(uptime_us)" -lt "$until" ] || return 1
        sleep 0.1
    done
}

has_beaten() {
    [ -n "$(writer_state "$1")" ]
}

start_guest() {
    local config=/tmp/$guest.cfg id
    cat >"$config" <<END
name="$guest"
type="$guest_type"
kernel="$guest_kernel"
ramdisk="/job/guest.cpio.gz"
extra="console=hvc0 quiet panic=-1 writer=$workload"
memory=$guest_memory
vcpus=$guest_vcpus
tsc_mode="$guest_tsc"
on_crash="preserve"
$guest_config
END
    # shellcheck disable=SC2086
    if ! $stock_xl create $create_options -q "$config" \
        >"$out/create.log" 2>&1; then
        fail "guest: xl create failed: $(tail -n 3 "$out/create.log")"
        return 1
    fi
    id=$(domid)
    first_id=$id
    if ! wait_for "$guest_start" has_beaten "$id"; then
        fail "guest: its workload did not come up"
        return 1
    fi
    # Bad before anything was done to it: that is not our doing.
    if [ "$(writer_number "$id" bad)" != 0 ]; then
        echo "the guest's pattern was bad before the migration" \
            >>"$out/unhealthy"
    fi
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

# The policy keeps its progress in xenstore, where the guest can not write.
said_iteration() {
    local now
    now=$(xenstore-read "/libxl/$source_id/precopy/progress" 2>/dev/null |
        sed -n 's/.*"iteration":\([0-9]*\).*/\1/p')
    [ -n "$now" ] && [ "$now" -ge "$1" ]
}

# For during(): returns when the policy has seen iteration N.
wait_iteration() {
    wait_for "${2:-120}" said_iteration "$1" ||
        fail "during: iteration $1 was never reached"
}

# For during(): returns when the policy is at work, in the first iteration.
wait_active() {
    wait_for 60 xenstore-exists "/libxl/$source_id/precopy/active" ||
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

# ------------------------------------------------------------ unclean memory

# give_back: a second guest, "dirty", whose kernel does not clear the pages that
# it gives back, fills all memory with its own and then returns most of it.
dirty=dirty
dirty_least=100

free_memory() {
    $stock_xl info | sed -n 's/^free_memory *: //p'
}

# memory_is DOMAIN LEAST MOST, in MiB.
memory_is() {
    local now
    now=$($stock_xl list "$1" | awk 'NR == 2 { print $3 }')
    [ "$now" -ge "$2" ] && [ "$now" -le "$3" ]
}

start_dirty() {
    dirty_most=$(($(free_memory) - 30))
    cat >/tmp/$dirty.cfg <<END
name="$dirty"
type="pvh"
kernel="/root/vmlinux"
ramdisk="/job/guest.cpio.gz"
extra="console=hvc0 quiet panic=-1 writer=idle page_poison=1 xen_scrub_pages=0"
memory=$dirty_most
vcpus=1
tsc_mode="always_emulate"
END
    $stock_xl create -e -q /tmp/$dirty.cfg ||
        fail "the second guest could not be started"
    wait_for 60 has_beaten "$(domid $dirty)" ||
        fail "the second guest did not come up"
}

# Most of its memory, poisoned by its kernel, is Xen's free memory now.
give_back() {
    start_dirty
    $stock_xl mem-set $dirty $dirty_least
    wait_for 30 memory_is $dirty 0 $((dirty_least + 2)) ||
        fail "the second guest gave nothing back"
}

# ------------------------------------------------------------ the link

# A receiver that hears nothing any more ends after five seconds.
keepalive=keepalive,keepidle=2,keepintvl=1,keepcnt=3

# link=none: a pipe. link=RATE (100mbit, or max): a veth pair to the network
# namespace that the receiver lives in.
#
# Buffers are small: Linux's usual ones hold 3 ms of a link of 10 Gbit/s, but a
# third of a second of one of 100 Mbit/s, all of it in front of the last pages.
link_buffers='4096 65536 262144'
link_shape='burst 64k latency 20ms'

link_up() {
    local at=root
    [ "${link:-none}" != none ] || return 0
    modprobe veth
    modprobe sch_tbf
    modprobe sch_netem
    $ip netns add b
    $ip link add va type veth peer name vb
    $ip link set vb netns b
    $ip addr add 10.9.0.1/24 dev va
    $ip link set va up
    $ip netns exec b $ip addr add 10.9.0.2/24 dev vb
    $ip netns exec b $ip link set vb up
    $ip netns exec b $ip link set lo up
    echo "$link_buffers" >/proc/sys/net/ipv4/tcp_wmem
    $ip netns exec b sh -c "echo $link_buffers >/proc/sys/net/ipv4/tcp_rmem"
    if [ -n "$link_loss" ]; then
        $tc qdisc add dev va root handle 1: netem loss "$link_loss" limit 10000
        at='parent 1:1'
    fi
    # shellcheck disable=SC2086
    [ "$link" = max ] ||
        $tc qdisc add dev va $at tbf rate "$link" $link_shape
    [ -z "$link_delay" ] ||
        $ip netns exec b $tc qdisc add dev vb root netem delay "$link_delay"
    $ip netns exec b socat -b 65536 -t 60 TCP-LISTEN:4444,reuseaddr,fork,$keepalive \
        EXEC:"/job/receive$listener_options" 2>"$step/listener.log" &
    listener=$!
}

link_set_rate() {
    # shellcheck disable=SC2086
    $tc qdisc change dev va root tbf rate "$1" $link_shape
}

# Drops what is sent, without a word to either side.
link_cut() {
    $tc qdisc replace dev va root netem loss 100%
    $ip netns exec b $tc qdisc replace dev vb root netem loss 100%
}

link_mend() {
    $ip netns exec b $tc qdisc del dev vb root
    # shellcheck disable=SC2086
    $tc qdisc replace dev va root tbf rate "$link" $link_shape
}

link_down() {
    [ "${link:-none}" != none ] || return 0
    cat /sys/class/net/va/statistics/tx_bytes >"$step/link-bytes"
    kill "$listener" 2>/dev/null
    $ip netns del b
    $ip link del va 2>/dev/null
    return 0
}

transport() {
    if [ "${link:-none}" = none ]; then
        echo /job/receive
    else
        echo "socat -b 65536 -t 60 - TCP:10.9.0.2:4444"
    fi
}

# What follows xl migrate's options.
migrate_to() {
    echo "-s '' $1 '$(transport)'"
}

xl_path() {
    case $1 in
        ours) echo $our_xl ;;
        stock) echo $stock_xl ;;
        *) echo "$1" ;;
    esac
}

# ------------------------------------------------------------ checks

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

has_checked_all() {
    local now
    now=$(writer_number "$1" verified)
    [ -n "$now" ] && [ "$now" -ge "$2" ]
}

# Running, and a whole check of its memory begun now ends well in time.
guest_is_intact() {
    local id pages
    id=$(domid)
    [ -n "$id" ] && wait_for "$alive_within" has_beaten "$id" || return 1
    pages=$(writer_number "$id" pages)
    wait_for "$alive_within" has_checked_all "$id" \
        $(($(writer_number "$id" verified) + pages)) || return 1
    writer_state "$id" >"$step/writer"
    [ "$(writer_number "$id" bad)" = 0 ]
}

guest_crashed() {
    domains | grep -q " $guest .*c"
}

log_dirty_is_off() {
    [ "$($domtool logdirty "$(domid)")" = off ]
}

one_domain() {
    [ "$(domains | wc -l)" = "$1" ]
}

no_processes() {
    left_processes=$(pids_of 'xl migrate|migrate-receive|libxl-save-helper')
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
    # Only of a guest that was never migrated can this be said.
    if [ "$where" = source ] && [ "$source_id" = "$first_id" ] &&
        guest_crashed; then
        echo "the guest's kernel crashed where it has run all the time" \
            >>"$out/unhealthy"
    fi
    if [ "$expect_guest" = nowhere ]; then
        check "no domain is left" one_domain 0
        return
    fi
    check "one domain, no second one" one_domain 1
    check "log-dirty is off" log_dirty_is_off
    check "the guest runs and its memory is intact" guest_is_intact
    check "no precopy node is left in xenstore" no_precopy_node
}

# ------------------------------------------------------------ steps

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

# migrate [NAME [GUEST]]: one migration as the variables say.
migrate() {
    local options="$xl_options"
    step_begin "${1:-}"
    if [ "$xl" = ours ]; then
        options="$with $options"
        [ "$report" != yes ] || options="$options --report=$step/report.json"
    fi
    printf '#!/bin/sh\nexec %s migrate-receive %s 2>>%s/receiver.log\n' \
        "$(xl_path "$receiver")" "$receiver_options" "$step" >/job/receive
    chmod 755 /job/receive
    link_up
    before
    trace_start
    (during) &
    during_pid=$!
    eval "set -- $env $(xl_path "$xl") migrate $options \
        $(migrate_to "${2:-$guest}")"
    echo "$*" >"$step/command"
    $domtool run "$step" env "$@"
    kill $during_pid 2>/dev/null
    wait $during_pid 2>/dev/null
    trace_end
    before_checks
    link_down
    check_guest
    check_sanitizers
    after
    verified
    step_wants
    last_step=$step
    step=
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
    step_wants
    last_step=$step
    step=
}

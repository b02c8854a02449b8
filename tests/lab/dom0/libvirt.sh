# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's libvirtd, for scenarios with image=libvirt. Guests are started and
# migrated by libvirt, with the plug-in on the source.
#
# Two libvirtds share one Xen, the second one in a network namespace and with
# folders of its own. Neither knows the other's guests; only names must differ,
# so the guest is called g2 on the target. On two hosts (libvirt/hosts.sh) it
# keeps its name.

libexec=/usr/local/libexec/xen-precopy/bin
here=xen:///system
far=xen+tcp://10.9.0.2/system
libxl_log=/var/log/libvirt/libxl
arrived=g2
params=

# ------------------------------------------------------------ libvirtd

# libvirt knows no CPU like the emulator's, and its Xen driver needs one that it
# knows. The sums of the health check are taken anew.
add_cpu_model() {
    local map=/usr/share/libvirt/cpu_map
    [ ! -e $map/x86_lab.xml ] || return 0
    cat >$map/x86_lab.xml <<END
<cpus>
  <model name='lab'>
    <decode host='on' guest='on'/>
    <feature name='fpu'/>
    <feature name='lm'/>
  </model>
</cpus>
END
    sed -i "s|<include filename=.x86_features.xml./>|&<include filename='x86_lab.xml'/>|" \
        $map/index.xml
    sums >/tmp/sums.boot
}

# libvirt_up ADDRESS [NAME=VALUE..]: with this in its environment.
libvirt_up() {
    local address=$1 conf=/etc/libvirt/$1.conf
    shift
    add_cpu_model
    mkdir -p /etc/libvirt /run/libvirt /var/log/libvirt /var/lib/libvirt \
        /var/cache/libvirt
    cat >"$conf" <<END
listen_tls = 0
listen_tcp = 1
listen_addr = "$address"
auth_tcp = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
END
    env "$@" /usr/sbin/libvirtd --listen -d -f "$conf" \
        -p /run/libvirt/libvirtd.pid 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

answers() {
    virsh -c "$1" list >/dev/null 2>&1
}

# As the drop-in of docs/libvirt.md starts it.
libvirt_here() {
    libvirt_up 10.9.0.1 LIBXL_SAVE_HELPER=$libexec/libxl-save-helper \
        LD_PRELOAD=$libexec/libvirt-precopy.so
    wait_for 60 answers $here && return
    fail "no libvirtd here"
    tail -n 30 /var/log/libvirt/libvirtd.log $libxl_log/*
    return 1
}

here_pid() {
    pids_of '^/usr/sbin/libvirtd .*/10.9.0.1.conf'
}

libvirt_kill() {
    kill -KILL "$(here_pid)"
    wait_for 10 libvirt_is_gone
}

libvirt_is_gone() {
    [ -z "$(here_pid)" ]
}

# What the plug-in and its guard say to the system's log.
syslog_up() {
    : >/tmp/messages
    pids_of '^syslogd' | grep -q . || syslogd -O /tmp/messages
}

# ------------------------------------------------------------ two ends

# Its folders are below /tmp/far for all others.
libvirt_far() {
    $ip netns exec b sh -c '
        . /job/lib.sh
        . /job/libvirt.sh
        for d in /etc /run /var/cache /var/lib /var/log; do
            mkdir -p $d/libvirt /tmp/far$d
            mount --bind /tmp/far$d $d/libvirt
        done
        libvirt_up 10.9.0.2'
}

# The link stays as long as the scenario: libvirtd lives on it.
ends_up() {
    ends_join
    libvirt_here || return 1
    libvirt_far
    wait_for 60 answers $far && return
    fail "no libvirtd there"
    tail -n 30 /tmp/far/var/log/libvirtd.log
    return 1
}

link_device=va

link_cut() {
    $tc qdisc replace dev $link_device root netem loss 100%
}

link_mend() {
    # shellcheck disable=SC2086
    $tc qdisc replace dev $link_device root tbf rate "$link" $link_shape
}

# ------------------------------------------------------------ guests

# In place of xl create: on this host, by libvirt.
start_guest() {
    local id
    libvirt_answers || { syslog_up; ends_up; } || return 1
    cat >/tmp/$guest.xml <<END
<domain type='xen'>
  <name>$guest</name>
  <memory unit='MiB'>$guest_memory</memory>
  <vcpu>$guest_vcpus</vcpu>
  <os>
    <type arch='x86_64' machine='xenpvh'>xenpvh</type>
    <kernel>$guest_kernel</kernel>
    <initrd>/job/guest.cpio.gz</initrd>
    <cmdline>console=hvc0 quiet panic=-1 writer=$workload</cmdline>
  </os>
  <clock offset='utc'><timer name='tsc' mode='emulate'/></clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>preserve</on_crash>
  <devices><console type='pty'><target type='xen' port='0'/></console></devices>
</domain>
END
    virsh -c $here create /tmp/$guest.xml >"$out/create.log" 2>&1 || {
        fail "guest: virsh create failed: $(tail -n 3 "$out/create.log")"
        tail -n 20 $libxl_log/*
        return 1
    }
    id=$(domid)
    first_ids="$first_ids $id"
    beats_within "$guest_start" "$id" ||
        { fail "guest: its workload did not come up"; return 1; }
}

libvirt_answers() {
    answers $here
}

# runs URI NAME: what libvirt says of it.
runs() {
    virsh -c "$1" domstate "$2" 2>&1 | grep -q '^running'
}

# ------------------------------------------------------------ migrations

# The report is in xenstore as long as the domain is here. A watch's first event
# is none.
keep_report() {
    xenstore-watch -n 2 "/libxl/$source_id/precopy/report" >/dev/null
    xenstore-read "/libxl/$source_id/precopy/report" >"$step/report.json"
}

name_there() {
    [ "$guest" = "$arrived" ] || echo --dname "$arrived"
}

# virsh_migrate NAME [OPTION..]: one migration by libvirt, as the variables
# say; params are the guest's parameters in xenstore.
virsh_migrate() {
    step_begin "$1"
    shift
    link_mend
    : >/tmp/messages
    # An earlier migration's report is not this one's.
    xenstore-rm "/libxl/$source_id/precopy" 2>/dev/null
    [ -z "$params" ] ||
        xenstore-write "/libxl/$source_id/precopy/params" "$params"
    before
    trace_start
    (keep_report) &
    reporter=$!
    (during) &
    during_pid=$!
    # shellcheck disable=SC2046
    set -- virsh -c $here migrate --live "$@" "$guest" $far \
        --migrateuri tcp://10.9.0.2 $(name_there)
    echo "$*" >"$step/command"
    $domtool run "$step" env "$@"
    kill $during_pid $reporter 2>/dev/null
    wait $during_pid $reporter 2>/dev/null
    name=$guest
    guest=$arrived
    trace_end
    guest=$name
    tail -n 100 $libxl_log/libxl-driver.log "$libxl_log/$guest.log" \
        /tmp/messages >"$step/receiver.log"
    before_checks
    if [ "$expect_guest" = source ]; then
        check_source
    else
        check_target
    fi
    after
    step_end
}

# The guest runs on, here alone.
check_source() {
    check "no process is left" wait_for 60 no_processes
    check "no second domain" wait_for 60 one_domain 1
    check "log-dirty is off" log_dirty_is_off
    check "the guest runs and its memory is intact" guest_is_intact
    check "libvirt says that it runs" runs $here "$guest"
    guest_location >"$step/guest"
}

check_target() {
    local guest=$arrived
    check "no precopy node is left in xenstore" no_precopy_node
    check_guest
    check "libvirt says that it runs" runs $far "$guest"
    virsh -c $far destroy "$guest"
}

# ------------------------------------------------------------ what was said

# said FILE REGEX
said() {
    grep -q -E -e "$2" "$1"
}

# What the plug-in said is where docs/libvirt.md has it.
said_everywhere() {
    check "libvirt's log of the guest says why" said \
        "$libxl_log/$guest.log" "precopy: Domain $source_id: $1"
    check "the system's log says why" said \
        /tmp/messages "libxl-save-helper: precopy: Domain $source_id: $1"
}

resumed_by_guard() {
    said /tmp/messages "save-guard.*: Domain $source_id: .* it runs here again"
}

wait_asked() {
    xenstore-watch -n 2 "/local/domain/$source_id/control/shutdown" >/dev/null
}

is_suspended() {
    domains | grep -q "^$source_id .*s"
}

runs_again() {
    ! is_suspended
}

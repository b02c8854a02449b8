# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two hosts: what lib.sh does on one, done on two. A scenario for two hosts
# reads this first; it and its guest are on the first host, `there` has the
# other one carry something out.

# What a guest's clocks show here is worth more than its boot's time.
fresh_guest=yes

# host_up ADDRESS: the link's end.
host_up() {
    modprobe virtio_pci
    modprobe virtio_net
    modprobe sch_tbf
    modprobe sch_netem
    wait_for 10 test -e /sys/class/net/eth0
    $ip link set eth0 mtu 9000
    $ip addr add "$1/24" dev eth0
    $ip link set eth0 up
    echo "$link_buffers" >/proc/sys/net/ipv4/tcp_wmem
    echo "$link_buffers" >/proc/sys/net/ipv4/tcp_rmem
}

# ------------------------------------------------------------ the other host

# there COMMAND: what it prints, and its status.
there() {
    local answer
    answer=$(echo "$*" | socat -t 600 - TCP:10.9.0.2:5555 2>&1)
    echo "$answer" | sed '$d'
    [ "$(echo "$answer" | tail -n 1)" = "status 0" ]
}

# On the other host: only what was there at boot stays.
forget() {
    local p
    for p in $(pids_of 'migrate-receive|TCP-LISTEN:4444|sshd|xentrace'); do
        kill -KILL "$p"
    done
    destroy_guests
    rm -f /tmp/trace /var/log/xen/console/*
} >/dev/null 2>&1

# On the other host: a socat that starts a receiver, or sshd. After the sender's
# end, socat's own patience of half a second is too short for a receiver that has
# to destroy its half-built domain.
receive() {
    printf '#!/bin/sh\nexec %s migrate-receive -e 2>%s\n' $stock_xl \
        /tmp/receiver.log >/job/receive
    chmod 755 /job/receive
    socat -b 65536 -t 60 TCP-LISTEN:4444,reuseaddr,fork,$keepalive \
        EXEC:/job/receive >/dev/null 2>&1 &
}

ssh_receive() {
    local key=$1
    mkdir -p /root/.ssh /etc/ssh /run/sshd
    chmod 700 /root /root/.ssh
    echo "$key" >/root/.ssh/authorized_keys
    grep -q sshd /etc/passwd ||
        echo 'sshd:x:100:100::/run/sshd:/bin/false' >>/etc/passwd
    [ -e /etc/ssh/key ] ||
        ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/key >&2
    pids_of 'sbin/sshd' | grep -q . ||
        /usr/sbin/sshd -f /dev/null -h /etc/ssh/key -o UsePAM=no \
            -o StrictModes=no -o PidFile=none >&2 || return 1
    cat /etc/ssh/key.pub
}

# ------------------------------------------------------------ the link

# How the guest gets there: socat or ssh.
over=socat

ssh_up() {
    local key
    mkdir -p /root/.ssh
    [ -e /root/.ssh/id_ed25519 ] ||
        ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    grep -q ' b$' /etc/hosts 2>/dev/null || echo '10.9.0.2 b' >>/etc/hosts
    key=$(there "ssh_receive '$(cat /root/.ssh/id_ed25519.pub)'") ||
        fail "no sshd: $key"
    echo "b $key" >/root/.ssh/known_hosts
}

link_up() {
    local at=root
    [ -e /sys/class/net/eth0 ] && $ip addr show eth0 | grep -q 10.9.0.1 ||
        host_up 10.9.0.1
    wait_for 60 there true || fail "the other host does not answer"
    there forget
    case $over in
        ssh) ssh_up ;;
        *) there receive ;;
    esac
    tell_offset before
    if [ -n "$link_delay$link_loss" ]; then
        # shellcheck disable=SC2086
        $tc qdisc add dev eth0 root handle 1: netem limit 10000 \
            ${link_delay:+delay $link_delay} ${link_loss:+loss $link_loss}
        at='parent 1:1'
    fi
    # shellcheck disable=SC2086
    [ "${link:-max}" = max ] ||
        $tc qdisc add dev eth0 $at tbf rate "$link" $link_shape
    sent_before=$(cat /sys/class/net/eth0/statistics/tx_bytes)
}

link_down() {
    echo $(($(cat /sys/class/net/eth0/statistics/tx_bytes) - sent_before)) \
        >"$step/link-bytes"
    $tc qdisc del dev eth0 root 2>/dev/null
    return 0
}

# -e: or the receiver would stay, to see the guest end.
migrate_to() {
    case $over in
        ssh) echo "-e $1 b" ;;
        *) echo "-s '' $1 'socat -b 65536 -t 60 - TCP:10.9.0.2:4444'" ;;
    esac
}

# ------------------------------------------------------------ the clocks

# How far the other's clock is ahead, and by how much that may be wrong (half
# a round trip), in ns: in $step/offset-NAME.
tell_offset() {
    socat TCP:10.9.0.2:5556,nodelay \
        EXEC:"/job/domtool offset $step/offset-$1" 2>/dev/null ||
        fail "no clock $1"
}

trace_start() {
    [ "$trace" = yes ] || return 0
    xentrace -D -e 0x00021000 /tmp/trace >/dev/null 2>&1 &
    tracer=$!
    there 'xentrace -D -e 0x00021000 /tmp/trace >/dev/null 2>&1 &'
    sleep 0.5
}

# The other's times are brought to this clock, by the offset in the middle
# between the two that were taken.
trace_end() {
    local stopped started
    [ "$trace" = yes ] || return 0
    sleep 0.5
    $tc qdisc del dev eth0 root 2>/dev/null
    tell_offset after
    kill -INT "$tracer"
    wait "$tracer"
    there 'signal_matching INT "xentrace -D"; sleep 0.5'
    stopped=$($domtool ran /tmp/trace "$source_id" | cut -d ' ' -f 2)
    started=$(there '$domtool ran /tmp/trace "$(domid g1)"' | cut -d ' ' -f 1)
    rm -f /tmp/trace
    [ -n "$stopped" ] && [ -n "$started" ] || return 0
    cat "$step/offset-before" "$step/offset-after" | awk \
        -v stopped="$stopped" -v started="$started" -v step="$step" '
        { offset[NR] = $1; error[NR] = $2 }
        END {
            drift = offset[2] - offset[1]
            wrong = (error[1] > error[2] ? error[1] : error[2]) / 1000 +
                (drift < 0 ? -drift : drift) / 2000
            started -= (offset[1] + offset[2]) / 2000
            printf "%d\n", started - stopped >(step "/true-downtime-us")
            printf "%d\n%d\n", stopped, started >(step "/true-times-us")
            printf "%d\n", wrong >(step "/clock-error-us")
        }'
}

# ------------------------------------------------------------ checks

# Here nothing is left, there it runs.
check_guest() {
    there 'cat /tmp/receiver.log' >"$step/receiver.log"
    check "no process is left here" wait_for 10 no_processes
    check "no domain is left here" one_domain 0
    check "no precopy node is left in xenstore" no_precopy_node
    check "no process is left there" there 'wait_for 10 no_processes'
    check "one domain is there" there 'one_domain 1'
    check "log-dirty is off there" there log_dirty_is_off
    check "the guest runs there and its memory is intact" \
        there "alive_within=$alive_within; guest_is_intact"
    there 'cat /tmp/step/writer' >"$step/writer"
    [ -z "$(there domid)" ] || echo target >"$step/guest"
    # Shown when something has failed.
    there 'tail -c 8000 /var/log/xen/console/*.log'
    there health_faults >/tmp/faults.there
    sed 's/^/the other host: /' /tmp/faults.there >>"$out/unhealthy"
    [ -s "$out/unhealthy" ] || rm -f "$out/unhealthy"
    there forget
}

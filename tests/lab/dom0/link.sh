# SPDX-License-Identifier: GPL-2.0-or-later
#
# The link between the two ends, and the transport over it. Part of lib.sh.

# A receiver that hears nothing any more ends after five seconds.
keepalive=keepalive,keepidle=2,keepintvl=1,keepcnt=3

# link=none: a pipe. link=RATE (100mbit, or max): a veth pair to the network
# namespace that the receiver lives in.
#
# Buffers are small: Linux's usual ones hold 3 ms of a link of 10 Gbit/s, but a
# third of a second of one of 100 Mbit/s, all of it in front of the last pages.
link_buffers='4096 65536 262144'
link_shape='burst 64k latency 20ms'

# The other end, and a veth pair to it without a limit.
ends_join() {
    modprobe veth
    modprobe sch_tbf
    modprobe sch_netem
    $ip netns add b
    # tbf splits a larger packet than its burst into many, each with a timer.
    $ip link add va gso_max_size 32768 type veth peer name vb \
        gso_max_size 32768
    $ip link set vb netns b
    $ip addr add 10.9.0.1/24 dev va
    $ip link set va up
    $ip netns exec b $ip addr add 10.9.0.2/24 dev vb
    $ip netns exec b $ip link set vb up
    $ip netns exec b $ip link set lo up
    echo "$link_buffers" >/proc/sys/net/ipv4/tcp_wmem
}

link_up() {
    local at=root
    [ "${link:-none}" != none ] || return 0
    ends_join
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

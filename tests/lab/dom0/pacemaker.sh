# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's corosync and Pacemaker, for scenarios on two hosts with
# image=pacemaker: the nodes a and b of a cluster, with our resource agent on
# both. Read on both, after hosts.sh.

agents=/usr/lib/ocf/resource.d
agent=/usr/local/lib/ocf/resource.d/xen-precopy
cluster_log=/var/log/pacemaker/pacemaker.log

# on_b COMMAND: as `there`, with these functions.
on_b() {
    there ". /job/pacemaker.sh; $*"
}

# ------------------------------------------------------------ a node

# The hosts are slow, but real time goes on. A lost token is sent again after
# little more than a second: it shares the link with the migrations.
put_corosync() {
    mkdir -p /etc/corosync /var/lib/corosync /var/log/corosync
    cat >/etc/corosync/corosync.conf <<END
totem {
    version: 2
    cluster_name: lab
    transport: udpu
    token: 30000
    token_retransmits_before_loss_const: 20
}
nodelist {
    node {
        ring0_addr: 10.9.0.1
        nodeid: 1
        name: a
    }
    node {
        ring0_addr: 10.9.0.2
        nodeid: 2
        name: b
    }
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
logging {
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: no
}
END
}

# Debian's packages make these on installation.
put_pacemaker() {
    local d
    grep -q hacluster /etc/passwd || {
        echo 'hacluster:x:90:90::/var/lib/pacemaker:/bin/false' >>/etc/passwd
        echo 'haclient:x:90:' >>/etc/group
    }
    for d in lib/pacemaker/blackbox lib/pacemaker/cib lib/pacemaker/cores \
        lib/pacemaker/pengine log/pacemaker run/crm; do
        mkdir -p /var/$d
        chown hacluster:haclient /var/$d
    done
    mkdir -p $agents
    [ -e $agents/xen-precopy ] || ln -s $agent $agents/
}

# node_up NAME
node_up() {
    hostname "$1"
    mkdir -p /dev/shm
    mount -t tmpfs shm /dev/shm
    put_corosync
    put_pacemaker
    corosync
    wait_for 60 corosync_answers || return 1
    pacemakerd >/var/log/pacemaker/pacemakerd.out 2>&1 </dev/null &
}

corosync_answers() {
    corosync-cfgtool -s >/dev/null 2>&1
}

# Without what is only informative; a daemon that was too slow and started anew
# has lost track of the guests of its node.
node_logs() {
    tail -n 30 /var/log/corosync/corosync.log /var/log/pacemaker/pacemakerd.out
    grep -E ' (notice|warning|error|crit): ' $cluster_log | tail -n 200
}

# ------------------------------------------------------------ the cluster

shown() {
    crm_mon -1 2>/dev/null | grep -q -e "$1"
}

set_property() {
    crm_attribute --type crm_config --name "$1" --update "$2"
}

cluster_up() {
    node_up a && on_b node_up b && wait_for 300 shown 'Online: \[ a b \]' &&
        set_property stonith-enabled false && return
    fail "the cluster does not come up"
    node_logs
    on_b node_logs
    return 1
}

# In the log of the node that it is called on.
logged() {
    grep -q -e "$1" $cluster_log
}

not_logged() {
    ! logged "$1"
}

# Nothing is left to do, for at most SECONDS.
settled() {
    crm_resource --wait --timeout="$1s"
}

# ------------------------------------------------------------ the transport

# In place of ssh, which would need all of the emulated processor.
to=/tmp/to

# to HOST COMMAND...
make_transport() {
    cat >$to <<END
#!/bin/sh
shift
case "\$*" in
    *migrate-receive*) exec socat -b 65536 -t 60 - TCP:10.9.0.2:4444 ;;
    *) echo "\$*" | socat -t 600 - TCP:10.9.0.2:5555 | sed '\$d' ;;
esac
END
    chmod 755 $to
}

# ------------------------------------------------------------ guests

# put_guest NAME WORKLOAD: its configuration, on both hosts.
put_guest() {
    local guest=$1
    guest_lines "$2" >"/tmp/$guest.cfg"
    there "guest=$guest; guest_lines $2 >/tmp/$guest.cfg"
}

# primitive NAME LIMIT TIMEOUT: for a migration of at most TIMEOUT seconds.
primitive() {
    cat <<END
<primitive id="$1" class="ocf" provider="xen-precopy" type="xen-precopy">
<instance_attributes id="$1-p">
<nvpair id="$1-c" name="config" value="/tmp/$1.cfg"/>
<nvpair id="$1-o" name="options" value="$(options_for "$1" "$2")"/>
<nvpair id="$1-r" name="reserve" value="$reserve"/>
</instance_attributes>
<meta_attributes id="$1-m">
<nvpair id="$1-a" name="allow-migrate" value="true"/></meta_attributes>
<operations>
<op id="$1-1" name="start" interval="0" timeout="180s"/>
<op id="$1-2" name="stop" interval="0" timeout="180s"/>
<op id="$1-3" name="monitor" interval="30s" timeout="120s"/>
<op id="$1-4" name="migrate_to" interval="0" timeout="$3s" on-fail="block"/>
<op id="$1-5" name="migrate_from" interval="0" timeout="180s"/>
</operations></primitive>
END
}

options_for() {
    echo "--precopy-downtime=$2 --report=/tmp/$1.json -s $to"
}

# location NAME: at first on a.
location() {
    echo "<rsc_location id=\"$1-l\" rsc=\"$1\" node=\"a\" score=\"10\"/>"
}

# started NAME NODE
started() {
    shown "$1.*Started $2"
}

# written_by NAME: how often its workload has written.
written_by() {
    writer_number "$(domid "$1")" written
}

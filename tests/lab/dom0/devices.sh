# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests with a disk and network interfaces, and what is checked of these.
# Part of lib.sh.

losetup=/usr/sbin/losetup

# ------------------------------------------------------------ defaults

guest_disk=         # MiB
disk_backing=phy
disk_rate=20
guest_vifs=0
hotplug=stock
probe=no

# ------------------------------------------------------------ configuration

# One file per guest. Source and target are on one host and use the same one,
# as two hosts use the same volume of a shared store.
disk_file() {
    echo "/tmp/$guest.disk"
}

# Which guest has which address: 10.8.0.2 is the first.
guest_address() {
    local n=2 g
    for g in $addressed; do
        [ "$g" != "$guest" ] || break
        n=$((n + 1))
    done
    echo "10.8.0.$n"
}

script_of() {
    [ "$hotplug" = stock ] || echo ",script=/job/hotplug"
}

# phy: the scenario has attached the file to a loop device.
# file: the block script does so, for source and target each.
#
# Xen's block script does not let two domains write to one disk unless both
# have the same UUID, which is what the two ends of a migration have. It only
# sees the domains of its own host: on two hosts, nothing but the migration
# protocol keeps both copies from writing.
disk_config() {
    local file
    [ -n "$guest_disk" ] || return 0
    file=$(disk_file)
    if [ $disk_backing = phy ]; then
        echo "disk=[\"vdev=xvda,format=raw,access=rw,backendtype=phy$(
            script_of),target=$(cat "$file.loop")\"]"
    else
        [ "$hotplug" = stock ] && set -- ,script=block || set -- "$(script_of)"
        echo "disk=[\"vdev=xvda,format=raw,access=rw,backendtype=phy$1,target=$file\"]"
    fi
}

# A type of vif: none has an emulated card.
vif_config() {
    local n=0 list='' mac
    [ "$guest_vifs" != 0 ] || return 0
    mac=$(guest_address)
    while [ $n -lt "$guest_vifs" ]; do
        list="$list${list:+, }\"mac=$(printf '00:16:3e:00:%02x:%02x' \
            "${mac##*.}" $n),bridge=br0,type=vif$(script_of)\""
        n=$((n + 1))
    done
    echo "vif=[$list]"
}

device_config() {
    disk_config
    vif_config
}

# What the guest's init is told.
device_words() {
    [ -z "$guest_disk" ] || printf ' disk=%s' "$disk_rate"
    [ "$guest_vifs" = 0 ] || printf ' net=%s' "$(guest_address)"
}

# ------------------------------------------------------------ this host

bridge_up() {
    [ ! -e /sys/class/net/br0 ] || return 0
    modprobe bridge
    modprobe xen-netback
    $ip link add name br0 type bridge stp_state 0 forward_delay 0
    $ip addr add 10.8.0.1/24 dev br0
    $ip link set br0 up
}

make_disk() {
    local file
    file=$(disk_file)
    [ ! -e "$file" ] || return 0
    modprobe loop
    modprobe xen-blkback
    truncate -s "${guest_disk}M" "$file"
    [ $disk_backing != phy ] ||
        $losetup -f --show "$file" >"$file.loop"
}

# Over a link, a receiver and its hotplug scripts would not see the bridge from
# their network namespace: they leave it.
receiver_namespace() {
    [ "${link:-none}" != none ] && [ -e /sys/class/net/br0 ] || return 0
    [ -e /run/netns/root ] || $ip netns attach root 1
    echo "$ip netns exec root "
}

# For start_guest: what its devices need of the host.
devices_up() {
    [ -z "$guest_disk" ] || make_disk
    case $guest_vifs$guest_config in
        0) ;;
        0*bridge=* | [1-9]*) bridge_up ;;
    esac
    case " $addressed " in
        *" $guest "*) ;;
        *) addressed="$addressed $guest" ;;
    esac
}

devices_down() {
    local f
    for f in /tmp/*.disk.loop; do
        [ ! -e "$f" ] || $losetup -d "$(cat "$f")"
    done
    $losetup -D
    rm -rf /tmp/*.disk /tmp/*.loop /tmp/hotplug
    $ip link del br0
} >/dev/null 2>&1

# on_hotplug COMMAND [SHELL]: what /job/hotplug does from now on before it
# hands over to Xen's script. COMMAND is online or offline for a vif, add or
# remove for a disk. Only for guests that were started with hotplug=ours.
on_hotplug() {
    mkdir -p /tmp/hotplug
    if [ -n "${2:-}" ]; then
        echo "$2" >"/tmp/hotplug/$1"
    else
        rm -f "/tmp/hotplug/$1"
    fi
}

# ------------------------------------------------------------ the probe

# With our xl, not before the first iteration is over: it takes half of this
# machine's time.
probe_start() {
    [ "$probe" = yes ] || return 0
    (
        [ "$xl" != ours ] ||
            $await node "/libxl/$source_id/precopy/progress" 120 iteration 1
        exec /job/probe "$(guest_address)" "$step/probe"
    ) &
    prober=$!
}

# Returns when the guest answers again.
probe_end() {
    [ "$probe" = yes ] || return 0
    kill "$prober"
    wait "$prober"
}

# One number of what the probe has found: probed NAME
probed() {
    sed -n "s/^$1=//p" "$step/probe"
}

# ------------------------------------------------------------ checks

# The highest number that the guest has said is on its disk.
disk_acknowledged() {
    awk '$1 == "disk" && $2 + 0 > most { most = $2 + 0 }
        END { if (most) print most }' \
        "/var/log/xen/console/guest-$guest"*.log
}

disk_goes_on() {
    [ "$(disk_acknowledged)" -gt "$1" ]
}

# No acknowledged write is lost, none is another copy's, and there are more.
disk_is_sound() {
    local number
    number=$(disk_acknowledged)
    [ -n "$number" ] && wait_for 30 disk_goes_on "$number" || return 1
    number=$(disk_acknowledged)
    # What the console said is in the file, but not yet in order to be read
    # beside a writer: one record may be half there.
    /job/diskcheck "$(disk_file)" "$number" >"$step/disk" || {
        sed 's/^/disk: /' "$step/disk" | head -n 5 >>"$step/failures"
        return 1
    }
}

# Names of what backends have for domains that are gone.
stale_devices() {
    local kind d n
    for kind in vif vbd; do
        for d in $(xenstore-list /local/domain/0/backend/$kind 2>/dev/null); do
            xenstore-exists "/local/domain/$d/name" || echo "$kind of $d"
        done
    done
    for n in /sys/class/net/vif*; do
        [ -e "$n" ] || continue
        d=${n##*/vif}
        xenstore-exists "/local/domain/${d%.*}/name" || echo "${n##*/}"
    done
}

no_stale_device() {
    [ -z "$(stale_devices)" ]
}

loops_in_use() {
    $losetup -a | grep -c .
}

# One loop device for each guest's disk, whoever attached it.
no_stale_loop() {
    [ "$(loops_in_use)" = "$(find /tmp -name '*.disk' | grep -c .)" ]
}

check_devices() {
    check "no device of a domain that is gone is left" \
        wait_for 10 no_stale_device
    [ -n "$guest_disk" ] || return 0
    check "no loop device is left" wait_for 10 no_stale_loop
    [ "$expect_guest" = nowhere ] ||
        check "the disk has every acknowledged write, and goes on" \
            disk_is_sound
}

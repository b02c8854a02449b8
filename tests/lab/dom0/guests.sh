# SPDX-License-Identifier: GPL-2.0-or-later
#
# Starting guests. Part of lib.sh.
#
# A guest's boot takes this machine as long as a migration. If one boot of Xen
# serves several scenarios, the first plain guest is therefore saved before its
# workload begins, and the next ones are restored from that, by stock's tools.

saved=/tmp/saved/guest
fresh_guest=no

# A guest with nothing special but its workload.
is_plain() {
    [ "$guest_type $guest_memory $guest_vcpus $guest_kernel $guest_tsc" = \
        "pvh 96 1 /root/vmlinux always_emulate" ] &&
        [ "$guest_vifs$guest_disk$guest_config$guest_extra" = 0 ] &&
        [ "$create_options" = -e ]
}

can_restore() {
    [ $fresh_guest = no ] && [ "$(wc -l </job/list)" -ge 3 ] && is_plain
}

# The configuration, with the word for the guest's writer.
guest_lines() {
    cat <<END
name="$guest"
type="$guest_type"
kernel="$guest_kernel"
ramdisk="/job/guest.cpio.gz"
extra="console=hvc0 quiet panic=-1 cryptomgr.notests writer=$1$(
    device_words) $guest_extra"
memory=$guest_memory
vcpus=$guest_vcpus
tsc_mode="$guest_tsc"
on_crash="preserve"
$(device_config)
$guest_config
END
}

create_guest() {
    # shellcheck disable=SC2086
    $stock_xl create $create_options -q "/tmp/$guest.cfg" && return
    tail -n 20 /var/log/xen/xen-hotplug.log >&2
    return 1
}

# Its writer waits for its workload; before it gets that, it is saved. The root
# may be smaller than that.
create_and_save() {
    [ -d /tmp/saved ] || {
        mkdir /tmp/saved
        mount -t tmpfs -o size=150m saved /tmp/saved
    }
    create_guest &&
        $await node "/local/domain/$(domid)/data/waits" "$guest_start" &&
        $stock_xl save -c "$guest" $saved.new &&
        mv $saved.new $saved
}

# A guest whose writer has, or will read, its workload.
make_guest() {
    if ! can_restore; then
        # It may be there to have that part of dom0's memory.
        [ $fresh_guest = no ] || rm -f $saved
        guest_lines "$workload" >"/tmp/$guest.cfg"
        create_guest
        return
    fi
    guest_lines xenstore >"/tmp/$guest.cfg"
    if [ -e $saved ]; then
        $stock_xl restore -e "/tmp/$guest.cfg" $saved
    else
        create_and_save
    fi &&
        xenstore-write "/local/domain/$(domid)/data/workload" "$workload"
}

start_guest() {
    local id
    devices_up
    if ! make_guest >"$out/create.log" 2>&1; then
        fail "guest: it can't be created: $(tail -n 3 "$out/create.log")"
        return 1
    fi
    id=$(domid)
    first_ids="$first_ids $id"
    if ! beats_within "$guest_start" "$id"; then
        fail "guest: its workload did not come up"
        return 1
    fi
    # Bad before anything was done to it: that is not our doing.
    if [ "$(writer_number "$id" bad)" != 0 ]; then
        echo "the guest's pattern was bad before the migration" \
            >>"$out/unhealthy"
    fi
}

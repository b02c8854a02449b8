# SPDX-License-Identifier: GPL-2.0-or-later
#
# Memory that a guest gave back to Xen without clearing it. Part of lib.sh.

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
extra="console=hvc0 quiet panic=-1 cryptomgr.notests writer=idle page_poison=1 xen_scrub_pages=0"
memory=$dirty_most
vcpus=1
tsc_mode="always_emulate"
END
    $stock_xl create -e -q /tmp/$dirty.cfg ||
        fail "the second guest could not be started"
    beats_within 60 "$(domid $dirty)" ||
        fail "the second guest did not come up"
}

# Most of its memory, poisoned by its kernel, is Xen's free memory now.
give_back() {
    start_dirty
    $stock_xl mem-set $dirty $dirty_least
    wait_for 90 memory_is $dirty 0 $((dirty_least + 2)) ||
        fail "the second guest gave nothing back"
}

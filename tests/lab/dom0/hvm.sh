# SPDX-License-Identifier: GPL-2.0-or-later
#
# An HVM guest, for scenarios with image=hvm and machine_memory=2048.
guest_type=hvm
# QEMU can only load a bzImage.
guest_kernel=$(echo /boot/vmlinuz-*)
# Reading the time exits to Xen, see "The emulator's fault" in README.md.
guest_tsc=native
guest_extra=clocksource=acpi_pm
guest_start=300
guest_memory=160
guest_config='vga="none"
serial="pty"
nographic=1'

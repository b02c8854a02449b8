# SPDX-License-Identifier: GPL-2.0-or-later
#
# Sourced by dom0's lib.sh: what the sanitizers in our programs are told.
# Reports go to /tmp/sanitizer.PID, UBSan's to stderr. What is freed stays
# poisoned for 16 MiB more; the usual 256 MiB is half of dom0.
# shellcheck disable=SC2034 # lib.sh's
slower=3
export LD_LIBRARY_PATH=/usr/local/lib
export ASAN_OPTIONS=log_path=/tmp/sanitizer:exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:quarantine_size_mb=16
export UBSAN_OPTIONS=exitcode=99:print_stacktrace=1

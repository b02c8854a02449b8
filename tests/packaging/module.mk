# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests of what is installed, and of the Debian packages.

DEPS_TEST += dpkg jq
CHECKS += check-enable

## make check-enable       xen-precopy enable and disable, broken off anywhere
.PHONY: check-enable
check-enable: $(ENABLE)
	@tests/packaging/enable $<

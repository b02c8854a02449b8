# SPDX-License-Identifier: GPL-2.0-or-later
#
# The resource agent for Pacemaker, which looks for it in /usr/lib/ocf.

.PHONY: install-ocf
install-ocf:
	install -D -m 755 tools/ocf/xen-precopy \
	  $(DESTDIR)$(PREFIX)/lib/ocf/resource.d/xen-precopy/xen-precopy
install: install-ocf

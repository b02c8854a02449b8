# SPDX-License-Identifier: GPL-2.0-or-later
#
# xen-precopy, the command that puts our programs in the place of Xen's.

ENABLE := $(BUILD)/sbin/xen-precopy
# Whose the diversions are: the package's, or the administrator's.
enable_owner := $(if $(filter /usr,$(PREFIX)),xen-precopy,LOCAL)

$(ENABLE): tools/enable/xen-precopy.in $(PATHS)
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -e 's|@VERSION@|$(VERSION)|' -e 's|@XEN_ABI@|$(XEN_ABI)|' \
	  -e 's|@libexecdir@|$(libexecdir)|' -e 's|@xldir@|$(xldir)|' \
	  -e 's|@owner@|$(enable_owner)|' $< >$@
	@chmod 755 $@

all: $(ENABLE)

.PHONY: install-enable
install-enable: $(ENABLE)
	install -d $(DESTDIR)$(sbindir)
	install -m 755 $(ENABLE) $(DESTDIR)$(sbindir)/
install: install-enable

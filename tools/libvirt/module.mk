# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt-precopy.so, for libvirtd.

$(eval $(call part,libvirt,tools/libvirt,xen json core base))

LIBVIRT_ADDON := $(libexec)/libvirt-precopy.so

# No -lxenlight: libvirtd's Xen driver brings it.
$(LIBVIRT_ADDON): $(call objs,tools/libvirt/libvirt_precopy.c \
		$(guest)/xen/store.c) $(BASE) tools/libvirt/libvirt-precopy.map \
		$(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared $(VERSION_SCRIPT) $(XP_LDFLAGS) $(LDFLAGS) -o $@ \
	  $(filter %.o,$^) $(BASE) -L$(BUILD)/lib \
	  $(call rpath,/../../../lib) -lxenprecopy -lyajl -lxenstore

all: $(LIBVIRT_ADDON)

.PHONY: install-libvirt
install-libvirt: $(LIBVIRT_ADDON)
	install -d $(DESTDIR)$(libexecdir)
	install -m 644 $(LIBVIRT_ADDON) $(DESTDIR)$(libexecdir)/
install: install-libvirt

# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The man pages, and the example of the API, which is compiled like a user's
# program.

# docs/man/<name>.<section>.pod
MAN_PAGES := $(patsubst docs/man/%.pod,$(BUILD)/man/%,$(wildcard docs/man/*.pod))

$(BUILD)/man/%: docs/man/%.pod
	@mkdir -p $(@D)
	$(call say,MAN,$@)pod2man --utf8 --errors=die --release="xen-precopy $(VERSION)" \
	  --center="Xen" --section=$(subst .,,$(suffix $*)) \
	  --name=$(basename $*) $< $@

EXAMPLE := $(BUILD)/docs/live-migrate-example
$(EXAMPLE): $(call objs,docs/live-migrate-example.c) $(LIBXLPRECOPY) $(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $< -L$(BUILD)/lib \
	  -Wl,-rpath,$(abspath $(BUILD)/lib):$(libdir) -lxlprecopy -lxenprecopy \
	  -lxenlight -lxentoollog

all: $(MAN_PAGES) $(EXAMPLE)

## make check-docs         check that the tests named in docs/security.md exist
.PHONY: check-docs
check-docs:
	@docs/check-tests docs/security.md

check-unit: check-docs

.PHONY: install-docs
install-docs: $(MAN_PAGES) $(EXAMPLE)
	for f in $(MAN_PAGES); do \
	  install -D -m 644 $$f $(DESTDIR)$(mandir)/man$${f##*.}/$${f##*/}; \
	done
	install -D -m 644 docs/live-migrate-example.c \
	  $(DESTDIR)$(PREFIX)/share/doc/xen-precopy/live-migrate-example.c
	install -d $(DESTDIR)$(PREFIX)/share/doc/xen-precopy/examples
	sed 's|@libexecdir@|$(libexecdir)|' docs/examples/libvirtd-precopy.conf.in \
	  >$(DESTDIR)$(PREFIX)/share/doc/xen-precopy/examples/libvirtd-precopy.conf
	install -d $(DESTDIR)$(PREFIX)/share/doc/xen-precopy/xenserver
	install -m 755 docs/examples/xenserver/* \
	  $(DESTDIR)$(PREFIX)/share/doc/xen-precopy/xenserver/
	install -D -m 755 $(EXAMPLE) $(DESTDIR)$(libexecdir)/live-migrate-example
install: install-docs

# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The parts below libxl, and what is built from them. docs/design.md describes
# the parts.

guest := tools/libs/guest

# Each part, and the parts whose headers it may include.
$(eval $(call part,base,$(guest)/base,base))
$(eval $(call part,core,$(guest)/core,core))
$(eval $(call part,trace,$(guest)/trace,trace core))
$(eval $(call part,json,$(guest)/json,json core))
$(eval $(call part,conf,$(guest)/conf,conf json core))
$(eval $(call part,xen,$(guest)/xen,xen conf json core base))
$(eval $(call part,sources,$(guest)/sources,sources trace json core base))
$(eval $(call part,channels,$(guest)/channels,channels json core base))
$(eval $(call part,save,$(guest)/save,save channels xen conf json core base))

guest_srcs = $(wildcard $(addprefix $(guest)/,$(addsuffix /*.c,$(1))))

ENGINE_SRCS := $(call guest_srcs,core json trace)
ENGINE_LIBS := -lxxhash -lzstd -lyajl -lm
PUBLIC_HEADERS := $(wildcard $(guest)/include/xenprecopy/*.h)
LIBXENPRECOPY := $(BUILD)/lib/libxenprecopy.so
# The engine with all its names, for the tests.
ENGINE := $(BUILD)/obj/engine.a

# For the recipe of a library: exports only what its .map names.
VERSION_SCRIPT = $(addprefix -Wl$(,)--version-script=,$(filter %.map,$^))

# Threads, the clock and the like.
BASE := $(BUILD)/obj/base.a

# The administrator's file, and what is in force.
CONF_OBJS := $(call objs,$(call guest_srcs,conf))
CONF_LIBS := -linih
$(call objs,$(guest)/conf/load.c): $(PATHS)
$(call objs,$(guest)/conf/load.c): DEFINES += -DSYSCONFDIR='"$(sysconfdir)"'

XEN_SIDE_OBJS := $(call objs,$(call guest_srcs,xen)) $(CONF_OBJS)
XEN_SIDE_LIBS := $(CONF_LIBS) -lyajl -lxenstore -lxenctrl -lxenforeignmemory -lxentoollog

# Sources of measurements other than a domain (xen/source.c).
SOURCE_OBJS := $(call objs,$(call guest_srcs,sources sources/process))

# A migration over several connections: common parts, the receiving end, and
# the sending end.
CHANNEL_LIBS := -llz4 -lzstd -lxxhash
CHANNEL_OBJS := $(call objs,$(addprefix $(guest)/channels/,codec.c frame.c \
	question.c wire.c))
# Also for measurements of how well pages compress.
CHANNEL_MEASURE_OBJS := $(call objs,$(guest)/channels/measure.c)
CHANNEL_IN_OBJS := $(call objs,$(guest)/channels/in.c) $(CHANNEL_OBJS)
CHANNEL_OUT_OBJS := $(call objs,$(addprefix $(guest)/channels/,choose.c handover.c out.c)) \
	$(CHANNEL_OBJS)

libexec := $(BUILD)/libexec/xen-precopy/bin
SAVE_PLUGIN := $(libexec)/libxenprecopy-save.so
SAVE_HELPER := $(libexec)/libxl-save-helper
SAVE_PLUGIN_OBJS := $(call objs,$(filter-out %/helper.c,\
	$(call guest_srcs,save save/stream)))

$(LIBXENPRECOPY): $(call objs,$(ENGINE_SRCS)) $(guest)/include/libxenprecopy.map
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared -Wl,-soname,$(@F).0 $(VERSION_SCRIPT) $(XP_LDFLAGS) $(LDFLAGS) \
	  -o $@.0 $(filter %.o,$^) $(ENGINE_LIBS)
	@ln -sf $(@F).0 $@

$(BASE): $(call objs,$(call guest_srcs,base))
$(ENGINE): $(call objs,$(ENGINE_SRCS))
$(BASE) $(ENGINE):
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

# No -lxenguest: the helper has loaded libxenguest, and there must be no second
# one.
$(SAVE_PLUGIN): $(SAVE_PLUGIN_OBJS) $(CHANNEL_OUT_OBJS) $(XEN_SIDE_OBJS) \
		$(BASE) $(guest)/save/libxenprecopy-save.map $(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared $(VERSION_SCRIPT) $(XP_LDFLAGS) $(LDFLAGS) -o $@ \
	  $(filter %.o,$^) $(BASE) -L$(BUILD)/lib \
	  $(call rpath,/../../../lib) -lxenprecopy $(XEN_SIDE_LIBS) $(CHANNEL_LIBS)

$(call objs,$(guest)/xen/stock.c): $(PATHS)
$(call objs,$(guest)/xen/stock.c): DEFINES += \
	-DXEN_VERSION='"$(XEN_VERSION)"'
$(SAVE_HELPER): $(call objs,$(addprefix $(guest)/,save/helper.c xen/probe.c \
		xen/stock.c)) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^

all: $(LIBXENPRECOPY) $(SAVE_PLUGIN) $(SAVE_HELPER)

.PHONY: install-guest
install-guest: $(LIBXENPRECOPY) $(SAVE_PLUGIN) $(SAVE_HELPER)
	install -d $(DESTDIR)$(libdir) $(DESTDIR)$(libexecdir) \
	  $(DESTDIR)$(includedir)/xenprecopy
	install -m 644 $(LIBXENPRECOPY).0 $(DESTDIR)$(libdir)/
	ln -sf libxenprecopy.so.0 $(DESTDIR)$(libdir)/libxenprecopy.so
	install -m 644 $(SAVE_PLUGIN) $(DESTDIR)$(libexecdir)/
	install -m 755 $(SAVE_HELPER) $(DESTDIR)$(libexecdir)/
	install -m 644 $(PUBLIC_HEADERS) $(DESTDIR)$(includedir)/xenprecopy/
	test -e $(DESTDIR)$(sysconfdir)/xen/precopy.conf || \
	  install -D -m 644 docs/precopy.conf $(DESTDIR)$(sysconfdir)/xen/precopy.conf
install: install-guest

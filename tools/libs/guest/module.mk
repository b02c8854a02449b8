# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libxenprecopy: the engine (pure functions of what it is told) and the JSON
# forms. xen_*.c: what the plug-in and the libxl add-on share and needs Xen's
# libraries. save_*.c: the save plug-in and its helper. source_*.c: where
# measurements come from; part of the libxl add-on.

ENGINE_SRCS := $(wildcard tools/libs/guest/xpc_*.c)
ENGINE_LIBS := -lxxhash -lzstd -lyajl -lm
PUBLIC_HEADERS := xenprecopy.h xpc_advice.h xpc_cells.h xpc_curve.h \
	xpc_evacuate.h xpc_history.h xpc_json.h xpc_measure.h xpc_meter.h \
	xpc_predict.h xpc_rule.h xpc_sample.h xpc_source.h xpc_workset.h
LIBXENPRECOPY := $(BUILD)/lib/libxenprecopy.so
# The engine with all its names, for the tests.
ENGINE := $(BUILD)/obj/engine.a

# What a library's recipe needs to export what its .map names and no more.
VERSION_SCRIPT = $(addprefix -Wl$(,)--version-script=,$(filter %.map,$^))

XEN_SIDE_OBJS := $(call objs,$(wildcard tools/libs/guest/xen_*.c) \
	tools/libs/guest/source_clock.c)
XEN_SIDE_LIBS := -lyajl -lxenstore -lxenctrl -lxenforeignmemory -lxentoollog

# Where measurements come from besides a domain (xen_source.c).
SOURCE_OBJS := $(call objs,$(wildcard tools/libs/guest/source_*.c))

# A migration over several connections: what both ends of it share, and each.
CHANNEL_LIBS := -llz4 -lzstd -lxxhash
CHANNEL_OBJS := $(call objs,$(addprefix tools/libs/guest/,channel_codec.c \
	channel_frame.c channel_wire.c save_thread.c))
CHANNEL_IN_OBJS := $(call objs,tools/libs/guest/channel_in.c) $(CHANNEL_OBJS)
CHANNEL_OUT_OBJS := $(call objs,tools/libs/guest/channel_out.c \
	tools/libs/guest/save_bucket.c) $(CHANNEL_OBJS)

libexec := $(BUILD)/libexec/xen-precopy
SAVE_PLUGIN := $(libexec)/libxenprecopy-save.so
SAVE_HELPER := $(libexec)/libxl-save-helper
SAVE_PLUGIN_SRCS := $(addprefix tools/libs/guest/,save_bucket.c save_channels.c \
	save_claim.c \
	save_control.c save_dm_log.c \
	save_orphan.c save_pages.c save_plugin.c save_policy.c save_probe.c \
	save_sampler.c save_still.c save_stream.c \
	save_strict.c save_thread.c save_watchdog.c save_workers.c \
	save_workset.c save_write.c \
	save_zero.c)

$(LIBXENPRECOPY): $(call objs,$(ENGINE_SRCS)) tools/libs/guest/libxenprecopy.map
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-soname,$(@F).0 $(VERSION_SCRIPT) $(XP_LDFLAGS) $(LDFLAGS) \
	  -o $@.0 $(filter %.o,$^) $(ENGINE_LIBS)
	ln -sf $(@F).0 $@

$(ENGINE): $(call objs,$(ENGINE_SRCS))
	@rm -f $@
	$(AR) rcs $@ $^

# It calls what the helper has loaded anyway, and must not bring a second
# libxenguest: hence no -lxenguest.
$(SAVE_PLUGIN): $(sort $(call objs,$(SAVE_PLUGIN_SRCS)) $(CHANNEL_OUT_OBJS)) \
		$(XEN_SIDE_OBJS) tools/libs/guest/libxenprecopy-save.map \
		$(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(CC) -shared $(VERSION_SCRIPT) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	  -L$(BUILD)/lib -Wl,-rpath,'$$ORIGIN/../../lib' -lxenprecopy \
	  $(XEN_SIDE_LIBS) $(CHANNEL_LIBS)

$(call objs,tools/libs/guest/xen_stock.c): $(PATHS)
$(call objs,tools/libs/guest/xen_stock.c): CPPFLAGS += \
	-DXEN_VERSION='"$(XEN_VERSION)"'
$(SAVE_HELPER): $(call objs,$(addprefix tools/libs/guest/,save_helper.c \
		xen_probe.c xen_stock.c))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

all: $(LIBXENPRECOPY) $(SAVE_PLUGIN) $(SAVE_HELPER)

.PHONY: install-guest
install-guest: $(LIBXENPRECOPY) $(SAVE_PLUGIN) $(SAVE_HELPER)
	install -d $(DESTDIR)$(libdir) $(DESTDIR)$(libexecdir) \
	  $(DESTDIR)$(includedir)
	install -m 644 $(LIBXENPRECOPY).0 $(DESTDIR)$(libdir)/
	ln -sf libxenprecopy.so.0 $(DESTDIR)$(libdir)/libxenprecopy.so
	install -m 644 $(SAVE_PLUGIN) $(DESTDIR)$(libexecdir)/
	install -m 755 $(SAVE_HELPER) $(DESTDIR)$(libexecdir)/
	install -m 644 $(addprefix tools/libs/guest/,$(PUBLIC_HEADERS)) \
	  $(DESTDIR)$(includedir)/
install: install-guest

# SPDX-License-Identifier: GPL-2.0-or-later
#
# xl, with the commands of tools/xl/xl_cmdtable.c; the others are stock xl's.

$(eval $(call part,xl,tools/xl,channels xen conf sources json core base,\
	-Itools/xl -Itools/libxl))

XL_OBJS := $(call objs,$(filter-out %/save_guard.c,\
	$(wildcard tools/xl/*.c tools/xl/*/*.c)))
XL := $(BUILD)/bin/xl
XL_LIBS := -lxlutil -lxenguest $(LIBXL_LIBS)
# The plug-in's guard for other toolstacks, which takes guests back as xl does.
SAVE_GUARD := $(libexec)/save-guard

$(XL): $(XL_OBJS) $(CHANNEL_IN_OBJS) $(CHANNEL_MEASURE_OBJS) \
		$(BASE) \
		$(LIBXLPRECOPY) $(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -L$(BUILD)/lib \
	  $(call rpath,/../lib) -lxlprecopy -lxenprecopy $(XL_LIBS) \
	  $(CHANNEL_LIBS) -lm

$(SAVE_GUARD): $(call objs,tools/xl/save_guard.c) $(filter-out %/xl.o,\
		$(XL_OBJS)) $(CHANNEL_IN_OBJS) $(CHANNEL_MEASURE_OBJS) \
		$(BASE) $(LIBXLPRECOPY) \
		$(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -L$(BUILD)/lib \
	  $(call rpath,/../../../lib) -lxlprecopy -lxenprecopy $(XL_LIBS) \
	  $(CHANNEL_LIBS) -lm

all: $(XL) $(SAVE_GUARD)

# The unit tests of a front end's parts link all of it but main().
XL_TEST_OBJS := $(filter-out %/xl.o,$(XL_OBJS)) $(CHANNEL_IN_OBJS) \
	$(CHANNEL_MEASURE_OBJS) $(BASE) $(LIBXLPRECOPY)
$(foreach t,$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/torture_xl_*.c)),\
	$(eval TEST_OBJS_$(t) := $(XL_TEST_OBJS)) \
	$(eval TEST_LIBS_$(t) := $(XL_LIBS) $(CHANNEL_LIBS)))

# The stock xl's package has a file of this name in /usr, which must stay.
ifeq ($(PREFIX),/usr)
XL_COMPLETION := /etc/bash_completion.d/xen-precopy
else
XL_COMPLETION := $(PREFIX)/share/bash-completion/completions/xl
endif

.PHONY: install-xl
install-xl: $(XL) $(SAVE_GUARD)
	install -D -m 644 tools/xl/xl.bash $(DESTDIR)$(XL_COMPLETION)
	test $(PREFIX) = /usr || \
	  ln -sf xl $(DESTDIR)$(dir $(XL_COMPLETION))xen-precopy
	install -d $(DESTDIR)$(xldir) $(DESTDIR)$(libexecdir)
	install -m 755 $(XL) $(DESTDIR)$(xldir)/
	install -m 755 $(SAVE_GUARD) $(DESTDIR)$(libexecdir)/
install: install-xl

# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libxlprecopy: the libxl add-on.

$(eval $(call part,libxl,tools/libxl,xen sources json core base,-Itools/libxl))

LIBXL_SRCS := $(wildcard tools/libxl/libxl_*.c)
LIBXL_SIDE_OBJS := $(sort $(XEN_SIDE_OBJS) $(SOURCE_OBJS))
LIBXL_LIBS := -lxenlight -lxentoollog $(XEN_SIDE_LIBS)
LIBXLPRECOPY := $(BUILD)/lib/libxlprecopy.so
# What it is linked with, and who links with it, must use the same libxl.
LIBXL_SONAME := libxlprecopy-$(XEN_ABI).so
LIBXL_HEADERS := $(addprefix tools/libxl/,libxl_precopy.h libxl_predict.h \
	libxl_dirty_rate.h libxl_precopy_history.h \
	libxl_precopy_profiles.h libxl_precopy_reports.h)

# make install may be given another PREFIX than make was.
$(call objs,tools/libxl/libxl_precopy_helper.c): $(PATHS)
$(call objs,tools/libxl/libxl_precopy_helper.c): DEFINES += \
	-DXPC_LIBEXECDIR='"$(libexecdir)"'

$(LIBXLPRECOPY): $(call objs,$(LIBXL_SRCS)) $(LIBXL_SIDE_OBJS) \
		$(BASE) tools/libxl/libxlprecopy.map $(LIBXENPRECOPY)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared -Wl,-soname,$(LIBXL_SONAME) $(VERSION_SCRIPT) \
	  $(XP_LDFLAGS) $(LDFLAGS) -o $(@D)/$(LIBXL_SONAME) $(filter %.o %.a,$^) \
	  -L$(BUILD)/lib $(call rpath) -lxenprecopy $(LIBXL_LIBS) -lxxhash
	@ln -sf $(LIBXL_SONAME) $@

# The add-on with all its names, for the tests.
ADDON := $(BUILD)/obj/addon.a
$(ADDON): $(call objs,$(LIBXL_SRCS) $(call guest_srcs,base)) $(LIBXL_SIDE_OBJS)
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

# For those who build against the two libraries.
PC_FILES := $(BUILD)/lib/pkgconfig/libxenprecopy.pc \
	$(BUILD)/lib/pkgconfig/libxlprecopy.pc
$(PC_FILES): $(BUILD)/lib/pkgconfig/%.pc: tools/libxl/%.pc.in $(PATHS)
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@libdir@|$(libdir)|g' \
	  -e 's|@includedir@|$(includedir)|g' -e 's|@VERSION@|$(VERSION)|g' \
	  $< > $@

all: $(LIBXLPRECOPY) $(PC_FILES)

TEST_OBJS_torture_libxl_precopy := $(LIBXLPRECOPY)
TEST_LIBS_torture_libxl_precopy := $(LIBXL_LIBS)
TEST_OBJS_torture_libxl_precopy_control := $(ADDON)
TEST_LIBS_torture_libxl_precopy_control := \
	-Wl,--wrap=libxl__precopy_check_helper $(LIBXL_LIBS)
TEST_OBJS_torture_libxl_dirty_rate := $(LIBXLPRECOPY)
TEST_LIBS_torture_libxl_dirty_rate := $(LIBXL_LIBS)
TEST_OBJS_torture_libxl_history := $(LIBXLPRECOPY)
TEST_OBJS_torture_libxl_reports := $(LIBXLPRECOPY)
TEST_OBJS_torture_libxl_profiles := $(LIBXLPRECOPY)
TEST_LIBS_torture_libxl_history := $(LIBXL_LIBS)
TEST_LIBS_torture_libxl_reports := $(LIBXL_LIBS)
TEST_LIBS_torture_libxl_profiles := $(LIBXL_LIBS)

.PHONY: install-libxl
install-libxl: $(LIBXLPRECOPY) $(PC_FILES)
	install -d $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)
	install -m 644 $(LIBXLPRECOPY) $(DESTDIR)$(libdir)/$(LIBXL_SONAME)
	ln -sf $(LIBXL_SONAME) $(DESTDIR)$(libdir)/libxlprecopy.so
	install -m 644 $(PC_FILES) $(DESTDIR)$(libdir)/pkgconfig/
	install -m 644 $(LIBXL_HEADERS) $(DESTDIR)$(includedir)/
install: install-libxl

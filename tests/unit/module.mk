# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One test program a module: tests/unit/torture_<module>.c. A name on the
# command line picks tests: build/tests/torture_params 'torture_params_unit*'

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/torture_*.c))

# For the pictures that two of them draw.
DEPS_TEST += gnuplot-nox

# Objects outside the library that a module's tests need.
TEST_OBJS_torture_save_orphan := $(call objs,tools/libs/guest/save_orphan.c)
TEST_OBJS_torture_save_still := $(call objs,$(addprefix tools/libs/guest/,\
	save_still.c save_thread.c xen_store.c))
TEST_OBJS_torture_save_sampler := $(call objs,tools/libs/guest/save_sampler.c \
	tools/libs/guest/save_thread.c)
TEST_OBJS_torture_save_watchdog := $(call objs,\
	tools/libs/guest/save_thread.c tools/libs/guest/save_watchdog.c)
TEST_OBJS_torture_xen_dm_log := $(call objs,tools/libs/guest/xen_dm_log.c)
TEST_OBJS_torture_save_stream := $(call objs,tools/libs/guest/save_stream.c)
SAVE_TESTED := $(call objs,$(addprefix tools/libs/guest/,\
	save_bucket.c save_channels.c save_claim.c save_control.c save_dm_log.c save_plugin.c save_policy.c save_still.c save_stream.c \
	save_pages.c save_strict.c save_thread.c save_watchdog.c save_workers.c \
	save_workset.c save_write.c save_zero.c xen_preflight.c \
	xen_store.c)) $(call objs,tools/libs/guest/channel_out.c) \
	$(filter-out %/save_thread.o,$(CHANNEL_OBJS))
TEST_OBJS_torture_save_bucket := $(call objs,tools/libs/guest/save_bucket.c)
TEST_OBJS_torture_save_workers := $(call objs,$(addprefix tools/libs/guest/,\
	save_thread.c save_workers.c))
TEST_OBJS_torture_xen_lock := $(call objs,$(addprefix tools/libs/guest/,\
	xen_lock.c xen_run.c))
TEST_OBJS_torture_xen_saver := $(call objs,tools/libs/guest/xen_saver.c)
TEST_OBJS_torture_xen_preflight := $(call objs,tools/libs/guest/xen_preflight.c)
TEST_OBJS_torture_save_helper := $(ADDON)
TEST_LIBS_torture_save_helper := -lxenguest $(LIBXL_LIBS)
$(BUILD)/tests/torture_save_helper: | $(SAVE_HELPER) $(SAVE_PLUGIN)
TEST_OBJS_torture_xen_stock := $(call objs,tools/libs/guest/xen_stock.c)
$(call objs,tests/unit/torture_xen_stock.c): $(PATHS)
$(call objs,tests/unit/torture_xen_stock.c): CPPFLAGS += \
	-DXEN_VERSION='"$(XEN_VERSION)"'
TEST_OBJS_torture_save_pages := $(call objs,$(addprefix tools/libs/guest/,\
	save_pages.c save_stream.c save_thread.c save_workers.c))
TEST_OBJS_torture_save_zero := $(call objs,$(addprefix tools/libs/guest/,\
	save_stream.c save_thread.c save_workers.c save_zero.c))
$(foreach t,torture_save_claim torture_save_control torture_save_policy torture_save_strict \
	torture_save_write torture_save_channels,\
	$(eval TEST_OBJS_$(t) := $(SAVE_TESTED)) \
	$(eval TEST_LIBS_$(t) := -Wl$(,)--wrap=dlsym $(CHANNEL_LIBS)))
TEST_OBJS_torture_channel_frame := $(CHANNEL_OBJS)
TEST_OBJS_torture_channels := $(sort $(CHANNEL_IN_OBJS) $(CHANNEL_OUT_OBJS))
TEST_OBJS_torture_channel_out := $(CHANNEL_OUT_OBJS)
$(foreach t,torture_channel_frame torture_channel_out torture_channels,\
	$(eval TEST_LIBS_$(t) := $(CHANNEL_LIBS)))
TEST_OBJS_torture_save_channels += $(call objs,tools/libs/guest/channel_in.c)
$(foreach t,torture_xl_channels torture_xl_channels_broken,\
	$(eval TEST_OBJS_$(t) += $(call objs,$(addprefix tools/libs/guest/,\
	channel_out.c save_bucket.c))))
TEST_OBJS_torture_libxl_predict := $(call objs,$(addprefix tools/libxl/,\
	libxl_precopy_types.c libxl_predict.c))
TEST_OBJS_torture_xl_predict := $(call objs,tools/xl/xl_migrate_predict.c \
	$(wildcard tools/xl/xl_predict_*.c) tools/xl/xl_common.c \
	tools/xl/xl_gnuplot.c tools/xl/xl_history.c tools/xl/xl_options.c) \
	$(LIBXLPRECOPY)
TEST_LIBS_torture_xl_predict := -lxenlight -lxentoollog
$(call objs,tests/unit/torture_xl_predict.c): CPPFLAGS += -Itools/xl

TEST_OBJS_torture_source_trace := $(SOURCE_OBJS)
TEST_OBJS_torture_source_job := $(SOURCE_OBJS)
TEST_OBJS_torture_source_process := $(SOURCE_OBJS)

# Those in which threads run beside each other.
TSAN_TESTS := $(addprefix $(BUILD)/tests/torture_,channel_out channels \
	save_channels save_control save_policy save_sampler save_still \
	save_watchdog save_workers save_write save_zero xl_channels \
	xl_channels_broken xl_receive xl_receive_meet)

.SECONDEXPANSION:
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(ENGINE) $$(TEST_OBJS_$$*)
	@mkdir -p $(@D)
	$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $< $(TEST_OBJS_$*) $(ENGINE) \
	  -L$(BUILD)/lib -Wl,-rpath,$(abspath $(BUILD)/lib) \
	  $(TEST_LIBS_$*) -lcmocka $(ENGINE_LIBS)

## make check-unit         the unit tests alone (no Xen, no root)
.PHONY: check-unit
check-unit: $(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do echo "== $$t"; $$t; done

# Built with ThreadSanitizer, into build/tsan. What it reports is a failure.
## make check-tsan         the tests with threads, for data races
.PHONY: check-tsan check-tsan-here
check-tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan \
	  LDFLAGS="-fsanitize=thread" \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=thread" \
	  check-tsan-here
check-tsan-here: $(TSAN_TESTS)
	@set -e; for t in $^; do echo "== $$t"; $$t; done

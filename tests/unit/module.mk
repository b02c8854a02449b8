# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One test program per module: tests/unit/torture_<module>.c. A pattern on the
# command line selects tests: build/tests/torture_params 'torture_params_unit*'

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/torture_*.c))

# For the pictures that two tests draw.
DEPS_TEST += gnuplot-nox

# Objects outside the engine and base that a module's tests need.
needs = $(eval TEST_OBJS_torture_$(1) += $(call objs,$(addprefix $(guest)/,$(2))))
$(call needs,toolstack_watch,save/toolstack_watch.c)
$(call needs,suspend_time,save/suspend_time.c xen/domain.c xen/store.c)
$(call needs,save_guard,save/guard.c)
$(call needs,save_sampler,save/sampler.c)
$(call needs,save_watchdog,save/watchdog.c)
$(call needs,save_stream,save/stream/parse.c)
$(call needs,save_pages,save/stream/pages.c save/stream/parse.c)
$(call needs,save_zero,save/stream/parse.c save/stream/record.c save/stream/zero.c)
$(foreach t,conf conf_settings,\
	$(eval TEST_OBJS_torture_$(t) := $(CONF_OBJS)) \
	$(eval TEST_LIBS_torture_$(t) := $(CONF_LIBS)))
$(call needs,xen_dm_log,xen/dm_log.c)
$(call needs,xen_lock,xen/lock.c xen/run.c)
$(call needs,xen_saver,xen/saver.c)
$(call needs,xen_notify,xen/notify.c xen/store.c)
$(call needs,xen_preflight,xen/preflight.c)
$(call needs,xen_stock,xen/stock.c)
$(call needs,xen_store,xen/store.c)
$(call objs,tests/unit/torture_xen_stock.c): $(PATHS)
$(call objs,tests/unit/torture_xen_stock.c): DEFINES += \
	-DXEN_VERSION='"$(XEN_VERSION)"'

# Fixtures that define functions which the code under test calls, or that such
# a fixture uses. The others are in the archive below.
REPLACING := conf_fixture control_fixture fake_clock fake_ctx fake_domains \
	fake_save fake_xenctrl fake_xenstore
fakes = $(foreach t,$(1),$(eval TEST_OBJS_torture_$(t) := \
	$(call objs,$(patsubst %,tests/support/%.c,$(2))) \
	$(TEST_OBJS_torture_$(t))))
$(call fakes,save_sampler suspend_time xl_save_guard \
	xl_take_back,fake_xenctrl)
$(call fakes,libxl_precopy_control suspend_time xen_saver xl_save_guard \
	xl_take_back,fake_xenstore)
$(call fakes,xen_notify xen_store,fake_xenstore)
$(call fakes,xl_check,fake_clock)
$(call fakes,xl_config xl_predict xl_predict_conf,conf_fixture)
$(call fakes,xl_within,fake_xenstore)
$(call fakes,xl_control xl_control_set xl_control_status,\
	control_fixture fake_ctx fake_xenstore)
$(call fakes,xl_evacuate_guests,conf_fixture fake_domains)
$(call fakes,xl_receive_host,fake_ctx fake_domains)

# The plug-in, without what fake_save.c has in its place.
SAVE_TESTED := $(filter-out $(addprefix %/,guard.o probe.o sampler.o \
	toolstack_watch.o),$(SAVE_PLUGIN_OBJS)) $(CHANNEL_OUT_OBJS) \
	$(call objs,$(addprefix $(guest)/xen/,cap.c domain.c guest.c \
	notify.c preflight.c settings.c store.c turn.c)) $(CONF_OBJS)
$(foreach t,chain claim conf control notify policy session skip slow strict \
		write channels,\
	$(eval TEST_OBJS_torture_save_$(t) := $(SAVE_TESTED)) \
	$(eval TEST_LIBS_torture_save_$(t) := -Wl$(,)--wrap=dlsym $(CHANNEL_LIBS) \
		$(CONF_LIBS)) \
	$(call fakes,save_$(t),conf_fixture fake_clock fake_save fake_xenctrl \
		fake_xenstore))
$(call needs,save_channels,channels/in.c)
TEST_OBJS_torture_save_turn := $(call objs,$(guest)/save/turn.c \
	$(guest)/xen/turn.c)
TEST_OBJS_torture_save_helper := $(ADDON)
TEST_LIBS_torture_save_helper := -lxenguest $(LIBXL_LIBS)
$(BUILD)/tests/torture_save_helper: | $(SAVE_HELPER) $(SAVE_PLUGIN)

TEST_OBJS_torture_channel_frame := $(CHANNEL_OBJS)
TEST_OBJS_torture_channel_measure := $(CHANNEL_MEASURE_OBJS) $(CHANNEL_OBJS)
TEST_OBJS_torture_channel_question := $(CHANNEL_OBJS)
TEST_OBJS_torture_channel_out := $(CHANNEL_OUT_OBJS)
TEST_OBJS_torture_channels := $(sort $(CHANNEL_IN_OBJS) $(CHANNEL_OUT_OBJS))
$(foreach t,channel_frame channel_measure channel_question channel_out channels,\
	$(eval TEST_LIBS_torture_$(t) := $(CHANNEL_LIBS)))
$(foreach t,channels channels_broken check check_ask,\
	$(call needs,xl_$(t),channels/choose.c channels/out.c))
TEST_OBJS_torture_xl_settings += $(CONF_OBJS) \
	$(call objs,tests/support/conf_fixture.c)
TEST_OBJS_torture_libxl_predict := $(call objs,$(addprefix tools/libxl/,\
	libxl_precopy_types.c libxl_predict.c))

TEST_OBJS_torture_libvirt_precopy := $(call objs,\
	tools/libvirt/libvirt_precopy.c $(guest)/xen/store.c)
TEST_LIBS_torture_libvirt_precopy := -Wl$(,)--wrap=dlsym
$(call fakes,libvirt_precopy,fake_xenstore)

TEST_OBJS_torture_source_trace := $(SOURCE_OBJS)
TEST_OBJS_torture_source_job := $(SOURCE_OBJS)
TEST_OBJS_torture_source_process := $(SOURCE_OBJS)

# The tests with threads.
TSAN_TESTS := $(addprefix $(BUILD)/tests/torture_,channel_out channels \
	save_chain save_channels save_control save_policy save_sampler save_session \
	save_skip suspend_time \
	save_watchdog workers save_write save_zero xl_channels \
	xl_channels_broken xl_receive xl_receive_meet)

# A test links those of these fixtures that it uses.
SUPPORT := $(BUILD)/obj/tests/support.a
$(SUPPORT): $(filter-out $(REPLACING:%=$(BUILD)/obj/tests/support/%.o),\
		$(call objs,$(wildcard tests/support/*.c)))
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $^

.SECONDEXPANSION:
$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SUPPORT) $(ENGINE) $(BASE) \
		$$(TEST_OBJS_$$*)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $< $(SUPPORT) \
	  $(TEST_OBJS_$*) $(ENGINE) $(BASE) \
	  -L$(BUILD)/lib -Wl,-rpath,$(abspath $(BUILD)/lib) \
	  $(TEST_LIBS_$*) -lcmocka $(ENGINE_LIBS)

## make check-unit         the unit tests alone (no Xen, no root)
UNIT_RUNS := $(UNIT_TESTS:%=%.run)
.PHONY: check-unit run-unit-tests $(UNIT_RUNS)
check-unit: run-unit-tests
# Without what needs more than a compiler.
run-unit-tests: $(UNIT_RUNS)
# A job in a shell's background ignores these signals, which the tests send.
RUN_TEST := env --default-signal=HUP,INT,QUIT
$(UNIT_RUNS): %.run: %
	@echo "== $<"; $(RUN_TEST) $<

# A build with ThreadSanitizer, in build/tsan. A data race fails the test.
## make check-tsan         the tests with threads, for data races
.PHONY: check-tsan check-tsan-here
check-tsan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan \
	  LDFLAGS="-fsanitize=thread" \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=thread" \
	  check-tsan-here
check-tsan-here: $(TSAN_TESTS)
	@set -e; for t in $^; do echo "== $$t"; $(RUN_TEST) $$t; done

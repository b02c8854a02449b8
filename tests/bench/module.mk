# SPDX-License-Identifier: GPL-2.0-or-later
#
# Benchmarks: every tests/bench/bench_<name>.c prints a JSON array of figures
# {name, value, unit, reference, ratio, command}; build/bench.json has them
# all.

BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))

# Objects outside the engine and base.
$(BUILD)/bench/bench_policy: $(call objs,$(addprefix tools/libs/guest/,\
	save/sampler.c save/stream/parse.c save/workset.c)) \
	$(call objs,tests/support/fake_xenctrl.c)
$(BUILD)/bench/bench_skip: $(call objs,$(addprefix tools/libs/guest/,\
	save/skip.c save/stream/parse.c save/stream/record.c)) \
	$(call objs,tests/support/fake_xenctrl.c)
$(BUILD)/bench/bench_stream: $(call objs,$(addprefix tools/libs/guest/,\
	save/stream/parse.c save/stream/record.c save/stream/zero.c))
$(BUILD)/bench/bench_channels: $(call objs,$(addprefix tools/libs/guest/,\
	save/stream/parse.c save/stream/record.c save/stream/zero.c)) $(CHANNEL_OUT_OBJS)
$(BUILD)/bench/bench_compress: $(CHANNEL_MEASURE_OBJS) $(CHANNEL_OBJS)
$(BUILD)/bench/bench_compress: BENCH_LIBS := $(CHANNEL_LIBS)
$(BUILD)/bench/bench_channels: BENCH_LIBS := $(CHANNEL_LIBS)
# Its receiver, and its transport over ssh.
$(BUILD)/bench/bench_channels: | $(BUILD)/bin/xl
DEPS_TEST += openssh-client openssh-server

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(ENGINE) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ENGINE) $(BASE) \
	  $(ENGINE_LIBS) $(BENCH_LIBS)

## make bench              figures of what things cost, into build/bench.json
.PHONY: bench
# A benchmark that fails or hangs does not affect the others.
bench: $(BENCHES)
	@failed=; for b in $(BENCHES); do \
	  timeout -k 5 420 $$b >$$b.json || failed="$$failed $$b"; done; \
	tests/bench/collect $(BUILD)/bench.json $(addsuffix .json,$(BENCHES)); \
	test -z "$$failed" || { echo "bench: not ended well:$$failed" >&2; exit 1; }

# The tests do not run the benchmarks, but make sure that they can be built.
check-unit: $(BENCHES)

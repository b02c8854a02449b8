# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fuzz targets: tests/fuzz/fuzz_<name>.c with seeds in tests/fuzz/corpus/<name>
# under the sanitizers. An input that fails is left in build/fuzz/. Run the
# target with that file as its argument to reproduce it, and keep it as a seed.
#
# make check tries the same inputs every time, so that a failure is caused by
# the change under test. make fuzz tries new ones.

DEPS_TEST += clang libclang-rt-dev

FUZZ := $(BUILD)/fuzz
FUZZ_RUNS ?= 100000
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))

# Sources outside the engine that a target needs, and its longest input.
FUZZ_SRCS_stream := $(addprefix tools/libs/guest/,save/stream/parse.c \
	save/stream/record.c save/stream/zero.c base/thread.c base/workers.c) \
	tests/support/stream_reader.c
FUZZ_LEN_stream := 65536
FUZZ_SRCS_channel := $(addprefix tools/libs/guest/,channels/codec.c \
	channels/frame.c channels/wire.c)
FUZZ_LIBS_channel := $(CHANNEL_LIBS)
FUZZ_SRCS_question := $(addprefix tools/libs/guest/channels/,question.c)
FUZZ_LEN_question := 65536
FUZZ_SRCS_conf := $(addprefix tools/libs/guest/conf/,error.c file.c settings.c)
FUZZ_LIBS_conf := $(CONF_LIBS)

.SECONDEXPANSION:
$(FUZZ)/fuzz_%: tests/fuzz/fuzz_%.c tests/support/fuzz.c $(ENGINE_SRCS) $$(FUZZ_SRCS_$$*) \
		$(wildcard tools/libs/guest/*/*.h tools/libs/guest/*/*/*.h tests/support/*.h) $(FLAGS)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)clang $(XP_CFLAGS) $(PUBLIC_INCLUDE) $(ALL_INCLUDES) -O1 -g -fno-omit-frame-pointer \
	  -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined -o $@ $(filter %.c,$^) $(ENGINE_LIBS) \
	  $(FUZZ_LIBS_$*)

FUZZ_ONE = -timeout=10 -max_len=$(or $(FUZZ_LEN_$*),8192) -verbosity=0 \
  -print_final_stats=1 $(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) \
  -artifact_prefix=$(FUZZ)/

## make check-fuzz         fuzz the readers, the same FUZZ_RUNS=100000 inputs
.PHONY: check-fuzz $(FUZZ_TARGETS:%=%.same)
check-fuzz: $(FUZZ_TARGETS:%=%.same)
$(FUZZ_TARGETS:%=%.same): $(FUZZ)/fuzz_%.same: $(FUZZ)/fuzz_%
	@echo "== $<"
	@rm -rf $(FUZZ)/same-$* && mkdir $(FUZZ)/same-$*
	@$< $(FUZZ_ONE) -seed=1 -runs=$(FUZZ_RUNS) -max_total_time=90 \
	  $(FUZZ)/same-$* tests/fuzz/corpus/$*

## make fuzz               fuzz them with new inputs, FUZZ_SECONDS=600 each
.PHONY: fuzz $(FUZZ_TARGETS:%=%.new)
fuzz: $(FUZZ_TARGETS:%=%.new)
$(FUZZ_TARGETS:%=%.new): $(FUZZ)/fuzz_%.new: $(FUZZ)/fuzz_%
	@echo "== $<"
	@mkdir -p $(FUZZ)/corpus/$*
	@$< $(FUZZ_ONE) -max_total_time=$(FUZZ_SECONDS) $(FUZZ)/corpus/$* \
	  tests/fuzz/corpus/$*

CHECKS += check-fuzz

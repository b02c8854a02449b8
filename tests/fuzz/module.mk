# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fuzz targets: tests/fuzz/fuzz_<name>.c with seeds in tests/fuzz/corpus/<name>
# under the sanitizers. What breaks one is left in build/fuzz/; run the target
# with that file as its argument to see it again, and keep it as a seed.
#
# make check tries the same inputs every time, so that what it says of a change
# is about the change; make fuzz goes where nobody has been.

DEPS_TEST += clang libclang-rt-14-dev

FUZZ := $(BUILD)/fuzz
FUZZ_RUNS ?= 100000
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))

$(FUZZ)/fuzz_%: tests/fuzz/fuzz_%.c $(ENGINE_SRCS) $(wildcard tools/libs/guest/*.h)
	@mkdir -p $(@D)
	clang $(XP_CFLAGS) -O1 -g -fno-omit-frame-pointer \
	  -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined -o $@ $(filter %.c,$^) $(ENGINE_LIBS)

FUZZ_ONE = -max_len=8192 -timeout=10 -print_final_stats=1 -verbosity=0 \
  -artifact_prefix=$(FUZZ)/

## make check-fuzz         fuzz the readers, the same FUZZ_RUNS=100000 inputs
.PHONY: check-fuzz
check-fuzz: $(FUZZ_TARGETS)
	@set -e; for t in $(FUZZ_TARGETS); do \
	  name=$${t##*/fuzz_}; echo "== $$t"; \
	  rm -rf $(FUZZ)/same && mkdir $(FUZZ)/same; \
	  $$t $(FUZZ_ONE) -seed=1 -runs=$(FUZZ_RUNS) -max_total_time=90 \
	    -dict=tests/fuzz/$$name.dict $(FUZZ)/same \
	    tests/fuzz/corpus/$$name; \
	done

## make fuzz               fuzz them with new inputs, FUZZ_SECONDS=600 each
.PHONY: fuzz
fuzz: $(FUZZ_TARGETS)
	@set -e; for t in $(FUZZ_TARGETS); do \
	  name=$${t##*/fuzz_}; echo "== $$t"; \
	  mkdir -p $(FUZZ)/corpus/$$name; \
	  $$t $(FUZZ_ONE) -max_total_time=$(FUZZ_SECONDS) \
	    -dict=tests/fuzz/$$name.dict $(FUZZ)/corpus/$$name \
	    tests/fuzz/corpus/$$name; \
	done

CHECKS += check-fuzz

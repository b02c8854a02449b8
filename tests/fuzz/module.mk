# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fuzz targets: tests/fuzz/fuzz_<name>.c with seeds in tests/fuzz/corpus/<name>
# run for FUZZ_SECONDS each under the sanitizers. What breaks one is left in
# build/fuzz/; run the target with that file as its argument to see it again.

DEPS_TEST += clang libclang-rt-14-dev

FUZZ := $(BUILD)/fuzz
FUZZ_SECONDS ?= 30
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))

$(FUZZ)/fuzz_%: tests/fuzz/fuzz_%.c $(ENGINE_SRCS) $(wildcard tools/libs/guest/*.h)
	@mkdir -p $(@D)
	clang $(XP_CFLAGS) -O1 -g -fno-omit-frame-pointer \
	  -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined -o $@ $(filter %.c,$^) $(ENGINE_LIBS)

## make check-fuzz         fuzz the JSON readers, FUZZ_SECONDS=30 each
.PHONY: check-fuzz
check-fuzz: $(FUZZ_TARGETS)
	@set -e; for t in $(FUZZ_TARGETS); do \
	  name=$${t##*/fuzz_}; echo "== $$t"; \
	  mkdir -p $(FUZZ)/corpus/$$name; \
	  $$t -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=10 \
	    -print_final_stats=1 -verbosity=0 -dict=tests/fuzz/$$name.dict \
	    -artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus/$$name \
	    tests/fuzz/corpus/$$name; \
	done

CHECKS += check-fuzz

# SPDX-License-Identifier: GPL-2.0-or-later
#
# The evaluation: the policies replayed on dirty traces of real programs, and
# the recorder that made the traces. docs/evaluation.md describes it.

EVAL := $(BUILD)/eval

EVAL_LINK = $(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ENGINE) \
	$(ENGINE_LIBS)

$(EVAL)/record-trace: $(call objs,$(addprefix tests/eval/,record_trace.c \
	contents.c track.c trace_file.c)) $(CHANNEL_MEASURE_OBJS) \
		$(CHANNEL_OBJS) $(BASE) $(ENGINE)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	  $(ENGINE) $(BASE) $(ENGINE_LIBS) $(CHANNEL_LIBS)

# Loaded into programs that are built without the sanitizers.
$(EVAL)/trace_preload.so: tests/eval/trace_preload.c tests/eval/track.h $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -g -shared $(XP_LDFLAGS) -o $@ $<

## make eval-record        record the evaluation's traces of real programs
.PHONY: eval-record
eval-record: $(EVAL)/record-trace $(EVAL)/trace_preload.so
	@tests/install-deps redis-server redis-tools memcached \
	  libmemcached-tools postgresql postgresql-contrib util-linux procps
	@BUILD=$(BUILD) tests/eval/record

EVAL_TESTS := $(EVAL)/known-writer $(EVAL)/check-writes

$(EVAL)/known-writer: tests/eval/known_writer.c $(FLAGS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(XP_CFLAGS) -O2 -g $(XP_LDFLAGS) -o $@ $<

$(EVAL)/check-writes: $(call objs,tests/eval/check_writes.c \
	tests/eval/trace_file.c) $(ENGINE)
	@mkdir -p $(@D)
	$(EVAL_LINK)

## make check-eval         the recorder loses no write; make eval runs
CHECKS += check-eval
.PHONY: check-eval
check-eval: $(EVAL)/record-trace $(EVAL)/trace_preload.so $(EVAL_TESTS)
	@BUILD=$(BUILD) tests/eval/check-recorder
	@$(MAKE) --no-print-directory eval eval-fleet eval-predict \
	  eval-evacuate

EVAL_SIM := $(call objs,$(addprefix tests/eval/,sim_trace.c sim_path.c \
	sim_guest.c sim_synth.c sim_policy.c sim_run.c sim_ours.c sim_score.c \
	trace_file.c))

$(EVAL)/evaluate: $(call objs,tests/eval/evaluate.c tests/eval/sim_report.c) \
	$(EVAL_SIM) $(ENGINE)
	@mkdir -p $(@D)
	$(EVAL_LINK)

# The traces in the repository, those recorded on this machine, and the
# synthetic writers; or only those given on the command line.
EVAL_FLAGS ?=
TRACES = $(wildcard tests/eval/traces $(EVAL)/traces)
EVAL_ALONE = $(if $(filter command line,$(origin TRACES)),--no-synthetic)

## make eval [TRACES=…]    compare the policies on thousands of migrations
.PHONY: eval
eval: $(EVAL)/evaluate
	@$(EVAL)/evaluate --split=tests/eval/split --json=$(BUILD)/eval.json \
	  $(EVAL_ALONE) $(EVAL_FLAGS) $(TRACES)

$(EVAL)/evaluate-fleet: $(call objs,$(addprefix tests/eval/,evaluate_fleet.c \
	fleet_old.c fleet_sim.c)) $(EVAL_SIM) $(ENGINE)
	@mkdir -p $(@D)
	$(EVAL_LINK)

## make eval-fleet         how well the overheads of many guests are predicted
.PHONY: eval-fleet
eval-fleet: $(EVAL)/evaluate-fleet
	@$(EVAL)/evaluate-fleet

$(EVAL)/evaluate-predict: $(call objs,$(addprefix tests/eval/,\
	evaluate_predict.c sim_report.c)) $(EVAL_SIM) $(ENGINE)
	@mkdir -p $(@D)
	$(EVAL_LINK)

## make eval-predict       predictions for guests with regular phases
.PHONY: eval-predict
eval-predict: $(EVAL)/evaluate-predict
	@$(EVAL)/evaluate-predict tests/eval/split

$(EVAL)/evaluate-evacuate: $(call objs,$(addprefix tests/eval/,\
	evaluate_evacuate.c evac_case.c evac_run.c)) $(EVAL_SIM) $(ENGINE)
	@mkdir -p $(@D)
	$(EVAL_LINK)

## make eval-evacuate      ways to empty a host, on simulated evacuations
.PHONY: eval-evacuate
eval-evacuate: $(EVAL)/evaluate-evacuate
	@$(EVAL)/evaluate-evacuate $(BUILD)/evacuate.json tests/eval/traces

TEST_OBJS_torture_eval_sim := $(EVAL_SIM)
TEST_OBJS_torture_eval_levers := $(EVAL_SIM)

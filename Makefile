# Everything is found by wildcard: a new node, workload, checker or test is a
# new file and nothing else. Objects are under build/, or under BUILD=DIR.

# No built-in rules: they would try to remake the dependency files that are included below.
MAKEFLAGS += -r
# All processors, unless the command line says otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN)
endif

BUILD	?= build
PREFIX	?= /usr/local
CC	?= cc

warnings = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings
CFLAGS	?= -O2 -g
override CPPFLAGS += -D_GNU_SOURCE -Icommon -Iharness -I$(BUILD)/gen
compile  = $(CC) -std=c11 $(warnings) $(CPPFLAGS) $(pkg_cflags) $(CFLAGS) -MMD -MP -c -o $@ $<
link     = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(program_libs)

# A static program starts in two thirds of the time and half the memory, and runs wherever it is copied to. STATIC=no
# is for shared libraries, which are taken in any case where there are no others, or the compiler needs them.
STATIC	?= yes

# Found by `./run.sh --deps`, which installs what is missing. Not needed to clean up.
ifneq ($(filter-out clean uninstall help,$(or $(MAKECMDGOALS),all)),)
include $(BUILD)/config.mk
endif

# ---- what there is ------------------------------------------------------------

nodes	  := $(patsubst nodes/%.c,%,$(wildcard nodes/*.c))
broken	  := $(patsubst tests/broken/%.c,%,$(wildcard tests/broken/*.c))
workloads := $(patsubst workloads/%/workload.c,%,$(wildcard workloads/*/workload.c))
units	  := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
fuzzers	  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
benches	  := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

object	   = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
common_o  := $(call object,$(filter-out common/main.c,$(wildcard common/*.c)))
nodes_o	  := $(call object,$(wildcard nodes/*.c) $(wildcard tests/broken/*.c))
harness_o := $(call object,$(filter-out harness/main.c,$(wildcard harness/*.c harness/check/*.c)) \
		$(wildcard workloads/*/*.c)) $(BUILD)/gen/registry.o

.PHONY: all test sanitize valgrind soak gallery load bench bench-count tidy format rewrite install uninstall clean help programs FORCE
all: programs $(BUILD)/bin/eddy
programs: $(nodes:%=$(BUILD)/bin/%) $(broken:%=$(BUILD)/broken/%)

help:
	@echo 'make [all] test sanitize valgrind soak gallery load bench bench-count tidy format rewrite install uninstall clean'

# ---- build ---------------------------------------------------------------------

libraries = jansson libbsd-overlay zlib
$(BUILD)/config.mk: Makefile run.sh
	@mkdir -p $(@D)
	@./run.sh --deps build >&2
	@static="-static $$(pkg-config --static --libs $(libraries))"; \
	[ '$(STATIC)' = yes ] && echo 'int main(void) { return 0; }' | \
	    $(CC) $(CFLAGS) $(LDFLAGS) -o $@.new -x c - -x none $$static 2>/dev/null || static=; \
	{ echo "pkg_cflags := $$(pkg-config --cflags $(libraries))"; \
	  echo "pkg_libs := $$(pkg-config --libs $(libraries))"; \
	  echo "program_libs := $${static:-\$$(pkg_libs)}"; } >$@.new && mv $@.new $@

$(BUILD)/obj/%.o: %.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(compile)

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/config.mk
	$(compile)

$(BUILD)/libcommon.a: $(common_o)
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libharness.a: $(harness_o) $(nodes_o)
	rm -f $@ && $(AR) rcs $@ $^

# One main() serves every node: the file's name is the program's.
symbol = $(subst -,_,$(notdir $(1)))_program
$(BUILD)/main/%.o: common/main.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(compile) -DPROGRAM=$(call symbol,$*)

.SECONDARY:
$(BUILD)/bin/eddy: $(BUILD)/obj/harness/main.o $(BUILD)/libharness.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(link)
$(BUILD)/bin/%: $(BUILD)/main/nodes/%.o $(BUILD)/obj/nodes/%.o $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(link)
$(BUILD)/broken/%: $(BUILD)/main/broken/%.o $(BUILD)/obj/tests/broken/%.o $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(link)

# The programs and workloads that eddy knows: generated, and only rewritten when the list changes.
registry_text = { echo '\#include "registry.h"'; echo '\#include "workload.h"'; \
	for n in $(foreach n,$(nodes) $(broken),$(call symbol,$(n))); do echo "extern const struct program $$n;"; done; \
	echo 'const struct registered registry[] = {'; \
	$(foreach n,$(nodes),echo '{"$(n)", &$(call symbol,$(n))},';) \
	$(foreach n,$(broken),echo '{"broken:$(n)", &$(call symbol,$(n))},';) \
	echo '{0}};'; \
	$(foreach w,$(workloads),echo 'extern const struct workload $(subst -,_,$(w))_workload;';) \
	echo 'const struct workload *const workloads[] = {'; \
	$(foreach w,$(workloads),echo '&$(subst -,_,$(w))_workload,';) \
	echo '0};'; }
$(BUILD)/gen/registry.c: FORCE
	@mkdir -p $(@D)
	@$(registry_text) >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- test ----------------------------------------------------------------------

$(BUILD)/test-deps: run.sh
	@mkdir -p $(@D)
	@./run.sh --deps test >&2
	@touch $@

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libharness.a $(BUILD)/libcommon.a $(BUILD)/test-deps
	@mkdir -p $(@D)
	$(CC) -std=c11 $(warnings) $(CPPFLAGS) -Itests/unit $(pkg_cflags) $$(pkg-config --cflags cmocka) $(CFLAGS) -MMD -MP \
	    $(LDFLAGS) -o $@ $< $(BUILD)/libharness.a $(BUILD)/libcommon.a $(pkg_libs) $$(pkg-config --libs cmocka)

# libFuzzer comes with clang: all sources once more with its instrumentation, for every target.
fuzz_cc = clang -std=c11 $(CPPFLAGS) $(pkg_cflags) -O1 -g -fno-sanitize-recover=undefined
fuzz_o := $(patsubst $(BUILD)/%,$(BUILD)/fuzz/%,$(common_o) $(harness_o) $(nodes_o))
$(BUILD)/fuzz/obj/%.o: %.c $(BUILD)/test-deps
	@mkdir -p $(@D)
	$(fuzz_cc) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/gen/%.o: $(BUILD)/gen/%.c $(BUILD)/test-deps
	@mkdir -p $(@D)
	$(fuzz_cc) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/all.a: $(fuzz_o)
	rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/all.a
	$(fuzz_cc) -fsanitize=fuzzer,address,undefined -MMD -MP -o $@ $< $(BUILD)/fuzz/all.a $(pkg_libs)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libharness.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(CC) -std=c11 $(warnings) $(CPPFLAGS) $(pkg_cflags) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/libharness.a $(BUILD)/libcommon.a \
	    $(program_libs)

test: all $(BUILD)/test-deps $(units:%=$(BUILD)/unit/%) $(fuzzers:%=$(BUILD)/fuzz/%)
	@BUILD=$(BUILD) tests/run.sh

sanitize:
	@$(MAKE) BUILD=$(BUILD)/sanitize CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined' test

# With shared libraries: it can put nothing in place of functions that are linked in.
valgrind:
	@./run.sh --deps valgrind >&2
	@$(MAKE) BUILD=$(BUILD)/valgrind STATIC=no all
	@BUILD=$(BUILD)/valgrind tests/valgrind.sh

soak: all $(BUILD)/unit/test_lin_kv_availability $(BUILD)/unit/test_lin_kv_memory
	@BUILD=$(BUILD) tests/soak.sh

# NAME='one another' for some of them; TABLE=1 for the table in Markdown; RUN=NAME FLAGS='--seed 7' for one run of one.
gallery: all $(BUILD)/test-deps
	@BUILD=$(BUILD) COMPILE='$(CC) -std=c11 $(CPPFLAGS) $(pkg_cflags) $(CFLAGS) $(LDFLAGS)' LIBRARIES='$(pkg_libs)' \
	    tests/gallery.sh $(if $(RUN),--run $(RUN) $(FLAGS),$(if $(TABLE),--table) $(NAME))

load: all
	@BUILD=$(BUILD) tests/load.sh

bench: all $(benches:%=$(BUILD)/bench/%)
	@BUILD=$(BUILD) CC='$(CC)' tests/bench.sh

bench-count: all $(BUILD)/bench/transactions
	@./run.sh --deps valgrind >&2
	@BUILD=$(BUILD) CC='$(CC)' CFLAGS='$(CFLAGS)' tests/bench-count.sh

# ---- upkeep --------------------------------------------------------------------

tidy: all
	@./run.sh --deps tidy >&2
	@BUILD=$(BUILD) CC='$(CC)' tests/tidy.sh '$(CPPFLAGS) $(pkg_cflags)'

# What is compared with what was written down before: written down anew. Read the difference.
rewrite: all $(BUILD)/unit/test_raft_scenarios
	REWRITE=1 $(BUILD)/unit/test_raft_scenarios

format:
	@./run.sh --deps tidy >&2
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(nodes:%=$(BUILD)/bin/%) $(BUILD)/bin/eddy $(DESTDIR)$(PREFIX)/bin

uninstall:
	cd $(DESTDIR)$(PREFIX)/bin && rm -f $(nodes) eddy

clean:
	rm -rf $(BUILD)

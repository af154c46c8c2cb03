# innerloop: make, make demo, make check, make test-python, make check-slow, make bench, make install, make site, make format, make lint
#
#   CC=clang  BUILD=build/clang      another compiler, in a folder of its own
#   SAN=address,undefined            sanitizers
#   MPI=1                            training on several processes (docs/scaling.md), in build/mpi; MPICC says by which MPI

MAKEFLAGS += --no-builtin-rules # else make would link an object to make a .d file

MPI     ?=
MPICC   ?= mpicc
BUILD   ?= build$(if $(MPI),/mpi)
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
SAN     ?=

ARCH := $(shell uname -m)
OS   := $(shell uname -s)

WARN   := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wfloat-conversion -Wno-missing-field-initializers
# -ffp-contract=off: a fused multiply-add is written where it is meant, so compilers agree bit for bit
OPT    ?= -O3
CFLAGS ?= -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(OPT) -fno-math-errno -fno-trapping-math -ffp-contract=off \
             -fPIC -fvisibility=hidden $(WARN) -Iinclude -Isrc -DIL_VERSION='"$(VERSION)"' $(CFLAGS)
# there, -std=c11 computes float in double; kernels.c refuses to be compiled so
ifneq ($(filter s390%,$(ARCH)),)
ALL_CFLAGS += -fexcess-precision=fast
endif
LDLIBS = -lyaml -lm -lpthread
TEST_LIBS = -llapacke -llapack -lblas -lcmocka # the tests play ours against LAPACK
ifneq ($(SAN),)
ALL_CFLAGS += -O1 -DIL_SANITIZE -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=$(SAN)
endif
ifneq ($(MPI),)
MPI_SHOWN := $(shell $(MPICC) -show)
ifeq ($(MPI_SHOWN),)
$(error $(MPICC) is not there: install an MPI, as libopenmpi-dev or libmpich-dev, or name its compiler by MPICC)
endif
MPI_CFLAGS := $(patsubst -I%,-isystem %,$(filter -I%,$(MPI_SHOWN)))
LDLIBS += $(filter -L% -l%,$(MPI_SHOWN))
endif
ifeq ($(OS),Darwin)
LAPACK_PREFIX ?= $(shell brew --prefix lapack 2>/dev/null)
ask_pkg_config = $(shell for p in yaml-0.1 cmocka; do pkg-config $(1) $$p 2>/dev/null; done)
FOREIGN_CFLAGS := $(call ask_pkg_config,--cflags) -I$(LAPACK_PREFIX)/include
ALL_CFLAGS += $(FOREIGN_CFLAGS)
LDFLAGS += $(call ask_pkg_config,--libs-only-L)
TEST_LIBS := -L$(LAPACK_PREFIX)/lib $(TEST_LIBS)
endif

# A shared library is one file, with a link of the name that programs are linked to (its soname: what changes
# when the binary interface does) and one of the name that the linker looks for.
ABI := $(firstword $(subst ., ,$(VERSION)))
ifeq ($(OS),Darwin)
shared_names = lib$(1).$(VERSION).dylib lib$(1).$(ABI).dylib lib$(1).dylib
shared_flags = -dynamiclib -install_name $(PREFIX)/lib/lib$(1).$(ABI).dylib
else
shared_names = lib$(1).so.$(VERSION) lib$(1).so.$(ABI) lib$(1).so
shared_flags = -shared -Wl,-soname,lib$(1).so.$(ABI) -Wl,-Bsymbolic $(if $(SAN),,-Wl,-z,defs)
endif
NAME_float  := innerloop
NAME_double := innerloop-double

# ---- sources ---------------------------------------------------------------------------------
# src/la/kernels.c is compiled once per instruction set; everything else once per real type. How ranks talk to each
# other is in one of two files.
RANKS   := src/base/ranks_$(if $(MPI),alone,mpi).c # the other one
SRC     := $(filter-out src/la/kernels.c src/la/bf16.c src/la/amx.c $(RANKS),$(wildcard src/*/*.c))
CLI_SRC := $(wildcard cli/*.c)

ISAS := plain
ifneq ($(filter x86_64 amd64,$(ARCH)),)
ISAS += baseline avx2 avx512
endif
ifneq ($(filter aarch64 arm64,$(ARCH)),)
ISAS += neon
endif
ISA_plain    := -DIL_ISA=plain
ISA_baseline := -DIL_ISA=baseline
ISA_avx2     := -DIL_ISA=avx2 -march=x86-64-v3
ISA_avx512   := -DIL_ISA=avx512 -march=x86-64-v4 -mprefer-vector-width=512
ISA_neon     := -DIL_ISA=neon
ISA_DEFS     := -D'IL_TABLES(T)=$(foreach i,$(ISAS),T($(i)))'

# bf16.c and amx.c need instructions of their own, and make no sense in double
ifneq ($(filter avx512,$(ISAS)),)
AMX_FLAGS := -mamx-tile -mamx-bf16
AMX  := $(shell test $(OS) = Linux && $(CC) $(AMX_FLAGS) -E -x c /dev/null >/dev/null 2>&1 && echo amx)
BF16 := bf16 $(AMX)
ISA_bf16 := -DIL_ISA=avx512 -march=x86-64-v4 -mavx512bf16 -mprefer-vector-width=512
ISA_amx  := $(ISA_bf16) $(AMX_FLAGS)
endif
REAL_float  := $(if $(BF16),-DIL_HAVE_BF16) $(if $(AMX),-DIL_HAVE_AMX)
REAL_double := -DIL_DOUBLE

EXTRA_float := $(BF16:%=$(BUILD)/float/src/la/%.o)
$(EXTRA_float): $(BUILD)/float/src/la/%.o: src/la/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ISA_$*) -MMD -MP -c $< -o $@

define variant
OBJ_$(1) := $$(SRC:%.c=$$(BUILD)/$(1)/%.o) $$(ISAS:%=$$(BUILD)/$(1)/src/la/kernels-%.o) $$(EXTRA_$(1))
$$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ISA_DEFS) $$(REAL_$(1)) -MMD -MP -c $$< -o $$@
$$(BUILD)/$(1)/src/base/ranks_mpi.o: ALL_CFLAGS += $$(MPI_CFLAGS)
$$(BUILD)/$(1)/src/la/kernels-%.o: src/la/kernels.c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ISA_DEFS) $$(ISA_$$*) $$(REAL_$(1)) -MMD -MP -c $$< -o $$@
$$(BUILD)/$(1)/libinnerloop.a: $$(OBJ_$(1))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
SHARED_$(1) := $$(BUILD)/$(1)/$$(firstword $$(call shared_names,$$(NAME_$(1))))
$$(SHARED_$(1)): $$(OBJ_$(1))
	$$(CC) $$(ALL_CFLAGS) $$(call shared_flags,$$(NAME_$(1))) $$^ $$(LDFLAGS) $$(LDLIBS) -o $$@
$$(BUILD)/$(1)/tests/%.o: tests/%.c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) -O1 $$(ISA_DEFS) $$(REAL_$(1)) -Itests/unit -MMD -MP -c $$< -o $$@
$$(BUILD)/$(1)/test/%: $$(BUILD)/$(1)/tests/unit/$(1)/%.o $$(BUILD)/$(1)/libinnerloop.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$^ $$(LDFLAGS) $$(TEST_LIBS) $$(LDLIBS) -o $$@
$$(BUILD)/$(1)/parity/%: tests/parity/%.c $$(BUILD)/$(1)/libinnerloop.a
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ISA_DEFS) $$(REAL_$(1)) $$^ $$(LDFLAGS) $$(LDLIBS) -o $$@
TESTS_$(1) := $$(patsubst tests/unit/$(1)/%.c,$$(BUILD)/$(1)/test/%,$$(wildcard tests/unit/$(1)/*.c))
endef
$(eval $(call variant,float))
$(eval $(call variant,double))

# the program, and its twin that computes in double, for the commands that say so
CLI_OBJ_float  := $(CLI_SRC:%.c=$(BUILD)/float/%.o)
CLI_OBJ_double := $(CLI_SRC:%.c=$(BUILD)/double/%.o)

.DEFAULT_GOAL := all
.PHONY: all shared tests clean
.SECONDARY:
shared: $(SHARED_float) $(SHARED_double)
all: $(BUILD)/innerloop $(BUILD)/innerloop-double
$(BUILD)/innerloop: $(CLI_OBJ_float) $(BUILD)/float/libinnerloop.a
	$(CC) $(ALL_CFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@
$(BUILD)/innerloop-double: $(CLI_OBJ_double) $(BUILD)/double/libinnerloop.a
	$(CC) $(ALL_CFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@
$(BUILD)/bench/%: bench/%.c $(BUILD)/float/libinnerloop.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ISA_DEFS) $^ $(LDFLAGS) $(LDLIBS) -o $@
tests: $(TESTS_float) $(TESTS_double)

# For tests: the program with every MPI that is here (innerloop-openmpi, innerloop-mpich), of the same objects but one
MPIS := $(foreach mpi,openmpi mpich,$(if $(shell command -v mpicc.$(mpi)),$(mpi)))
mpi_words = $(filter $(2),$(shell mpicc.$(1) -show))
$(MPIS:%=$(BUILD)/innerloop-%): $(BUILD)/innerloop-%: src/base/ranks_mpi.c $(CLI_OBJ_float) $(OBJ_float)
	$(CC) $(ALL_CFLAGS) $(REAL_float) $(patsubst -I%,-isystem %,$(call mpi_words,$*,-I%)) \
	    $(filter-out %/ranks_alone.o,$^) $(LDFLAGS) $(LDLIBS) $(call mpi_words,$*,-L% -l%) -o $@

# ---- what people call --------------------------------------------------------------------------
.PHONY: demo check check-slow test-python bench install install-data uninstall reference site format lint
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
JOBS_MAKE = $(MAKE) -s -j$(JOBS)
SETUP = CC='$(CC)' CPPFLAGS='$(FOREIGN_CFLAGS)' tools/setup.sh
FORMATTED = $(shell git ls-files '*.c' '*.h')

demo:
	@$(SETUP) build
	@$(JOBS_MAKE) all
	$(BUILD)/innerloop demo

# Sanitized tests run at -O1; the float build by clang must train to the same bits as gcc's.
check:
	@$(SETUP) build check
	@$(JOBS_MAKE) all shared tests
	@$(JOBS_MAKE) $(MPIS:%=$(BUILD)/innerloop-%)
	@$(JOBS_MAKE) tests SAN=address,undefined OPT=-O1 BUILD=$(BUILD)/san
	@$(JOBS_MAKE) all CC=clang BUILD=$(BUILD)/clang
	@$(JOBS_MAKE) fuzz FUZZ_SECONDS=10
	@INNERLOOP=$(BUILD)/innerloop INNERLOOP_CLANG=$(BUILD)/clang/innerloop tests/run.sh \
	    $(BUILD)/logs tests/layers.sh tests/headers.sh $(TESTS_float) $(TESTS_double) \
	    $(TESTS_float:$(BUILD)/%=$(BUILD)/san/%) $(TESTS_double:$(BUILD)/%=$(BUILD)/san/%) \
	    $(filter-out %/lib.sh,$(sort $(wildcard tests/cli/*.sh))) tests/python.sh

# The Python package alone; `make check` does it, too.
test-python:
	@$(SETUP) build
	@$(JOBS_MAKE) all shared
	@INNERLOOP=$(BUILD)/innerloop tests/run.sh $(BUILD)/logs tests/python.sh

# Minutes to hours: parity with PyTorch, long fuzzing, what training reaches.
check-slow: check
	@$(SETUP) slow
	@$(JOBS_MAKE) $(BUILD)/float/parity/parity $(BUILD)/float/parity/answers $(BUILD)/float/parity/plan $(BUILD)/double/parity/plan fuzz FUZZ_SECONDS=120
	@for arch in aarch64 s390x; do \
	    $(JOBS_MAKE) all ARCH=$$arch CC=$$arch-linux-gnu-gcc AR=$$arch-linux-gnu-ar \
	        LDFLAGS=-static BUILD=$(BUILD)/$$arch || exit 1; done
	@INNERLOOP=$(BUILD)/innerloop INNERLOOP_FOREIGN=$(BUILD)/%/innerloop \
	    PARITY=$(BUILD)/float/parity/parity PLANS=$(BUILD)/%/parity/plan tests/run.sh $(BUILD)/logs \
	    $(sort $(wildcard tests/slow/*.sh))

bench:
	@$(SETUP) build
	@$(JOBS_MAKE) all
	$(BUILD)/innerloop bench

# a file of pkg-config or CMake from its template: TEMPLATE NAME DEFINES
template = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@NAME@|$(2)|' -e 's|@DEFINES@|$(3)|' \
    -e 's|@LIBS@|$(filter -L%,$(LDFLAGS)) $(LDLIBS)|' tools/$(1).in
CMAKE_FILES := innerloop-config.cmake innerloop-config-version.cmake

# install_library VARIANT: static, shared, the shared one's links, the .pc file
define install_library
	install -m 644 $(BUILD)/$(1)/libinnerloop.a $(DESTDIR)$(PREFIX)/lib/lib$(NAME_$(1)).a
	install -m 755 $(SHARED_$(1)) $(DESTDIR)$(PREFIX)/lib/
	cd $(DESTDIR)$(PREFIX)/lib && for link in $(wordlist 2,3,$(call shared_names,$(NAME_$(1)))); do \
	    ln -sf $(notdir $(SHARED_$(1))) $$link; done
	$(call template,innerloop.pc,$(NAME_$(1)),$(filter -DIL_DOUBLE,$(REAL_$(1)))) > $(DESTDIR)$(PREFIX)/lib/pkgconfig/$(NAME_$(1)).pc
endef

# what shells and man look for in share/
SHELL_FILES := man/man1/innerloop.1 bash-completion/completions/innerloop zsh/site-functions/_innerloop \
    fish/vendor_completions.d/innerloop.fish

# what the program and the Python package read: recipes, claims, examples, trained models
install-data:
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/innerloop/,recipes/claims examples bench models)
	install -m 644 recipes/*.yaml $(DESTDIR)$(PREFIX)/share/innerloop/recipes/
	install -m 644 recipes/claims/*.yaml $(DESTDIR)$(PREFIX)/share/innerloop/recipes/claims/
	install -m 644 examples/*.csv examples/README.md $(DESTDIR)$(PREFIX)/share/innerloop/examples/
	install -m 644 bench/*.py $(DESTDIR)$(PREFIX)/share/innerloop/bench/
	install -m 644 models/*.safetensors $(DESTDIR)$(PREFIX)/share/innerloop/models/

install: all shared install-data
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig lib/cmake/innerloop share/doc/innerloop/docs)
	install -m 755 $(BUILD)/innerloop $(BUILD)/innerloop-double $(DESTDIR)$(PREFIX)/bin/
	install -m 644 include/innerloop.h include/innerloop_lab.h $(DESTDIR)$(PREFIX)/include/
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,$(dir $(SHELL_FILES)))
	$(BUILD)/innerloop help --man > $(DESTDIR)$(PREFIX)/share/man/man1/innerloop.1
	install -m 644 tools/completion/innerloop.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/innerloop
	install -m 644 tools/completion/_innerloop $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_innerloop
	install -m 644 tools/completion/innerloop.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/innerloop.fish
	$(call install_library,float)
	$(call install_library,double)
	$(foreach file,$(CMAKE_FILES),$(call template,$(file)) > $(DESTDIR)$(PREFIX)/lib/cmake/innerloop/$(file) &&) true
	install -m 644 README.md LICENSE CHANGELOG.md $(DESTDIR)$(PREFIX)/share/doc/innerloop/
	install -m 644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/innerloop/docs/
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true # the linker's list of libraries, where we may

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/innerloop $(DESTDIR)$(PREFIX)/bin/innerloop-double \
	    $(DESTDIR)$(PREFIX)/include/innerloop.h $(DESTDIR)$(PREFIX)/include/innerloop_lab.h \
	    $(foreach name,$(NAME_float) $(NAME_double),$(DESTDIR)$(PREFIX)/lib/lib$(name).a \
	    $(addprefix $(DESTDIR)$(PREFIX)/lib/,$(call shared_names,$(name))) $(DESTDIR)$(PREFIX)/lib/pkgconfig/$(name).pc) \
	    $(addprefix $(DESTDIR)$(PREFIX)/,lib/cmake/innerloop share/doc/innerloop share/innerloop) $(addprefix $(DESTDIR)$(PREFIX)/share/,$(SHELL_FILES))
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

# docs/ and the Python package's docstrings as a site in build/site
SITE_TOOLS := $(BUILD)/site-tools
site:
	@[ -x $(SITE_TOOLS)/bin/mkdocs ] || { python3 -m venv $(SITE_TOOLS) && $(SITE_TOOLS)/bin/pip install -q \
	    --disable-pip-version-check mkdocs-material==9.8.2 'mkdocstrings[python]==1.0.8'; }
	NO_MKDOCS_2_WARNING=1 $(SITE_TOOLS)/bin/mkdocs build -q --strict

# docs/reference.md, from the tables of the program
reference: all
	$(BUILD)/innerloop help --markdown > $(BUILD)/reference.md
	mv $(BUILD)/reference.md docs/reference.md

format:
	clang-format -i $(FORMATTED)

# Formatting, layers, and both compilers without a warning.
lint:
	@$(SETUP) build check lint
	@clang-format --dry-run -Werror $(FORMATTED)
	@$(JOBS_MAKE) all tests CC=gcc CFLAGS='-g -Werror' BUILD=$(BUILD)
	@BUILD=$(BUILD) tools/layers.sh
	@$(JOBS_MAKE) all CC=clang CFLAGS='-g -Werror' BUILD=$(BUILD)/clang
# ---- fuzzing: make fuzz FUZZ_SECONDS=120, or one target: make fuzz-csv --------------------------
# Every tests/fuzz/fuzz_NAME.c starts from tests/fuzz/corpus/NAME; what it finds stays in $(FUZZ). ASAN_OPTIONS: the
# megabyte of a row of CSV would be mapped anew by the sanitizer for every input.
FUZZ_SECONDS ?= 10
FUZZ_CC      ?= clang
FUZZ         := $(BUILD)/fuzz
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_MAKE     = $(MAKE) CC=$(FUZZ_CC) BUILD=$(FUZZ) SAN=address,undefined OPT=-O1 ISAS=plain
.PHONY: fuzz fuzz-library $(FUZZ_NAMES:%=fuzz-%)
fuzz: $(FUZZ_NAMES:%=fuzz-%)
fuzz-library:
	+$(FUZZ_MAKE) CFLAGS='-g -fsanitize=fuzzer-no-link' $(FUZZ)/float/libinnerloop.a
$(FUZZ_NAMES:%=fuzz-%): fuzz-%: fuzz-library
	+$(FUZZ_MAKE) CFLAGS='-g -fsanitize=fuzzer' $(FUZZ)/float/fuzz_$*
	@mkdir -p $(FUZZ)/corpus/$*
	@ASAN_OPTIONS=clear_shadow_mmap_threshold=1000000000 $(FUZZ)/float/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10 \
	    -artifact_prefix=$(FUZZ)/$*- $(FUZZ)/corpus/$* tests/fuzz/corpus/$* > $(FUZZ)/$*.log 2>&1 \
	    || { tail -n 40 $(FUZZ)/$*.log; false; }
	@echo "fuzz $*: $$(grep '^Done' $(FUZZ)/$*.log)"
$(BUILD)/float/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/float/libinnerloop.a
	$(CC) $(ALL_CFLAGS) $(ISA_DEFS) $^ $(LDFLAGS) $(LDLIBS) -o $@

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

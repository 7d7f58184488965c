# make demo     a million orders through a process that is killed five times
# make test     all tests, those of the documentation too, and a taste of torture: up to 8 minutes on 2 cores, with the build
# make check    what a change must pass besides: the lint, 5,000 crash images, failing calls to the disk, random histories,
#               600 damaged files, readers beside a writer, and the benchmarks once, tiny: some 7 minutes after `make test`
# make torture  crashes after each step, failing calls to the disk, damaged files, random histories, readers beside a
#               writer; IMAGES=100000, or without end IMAGES=
# make torture-kills KILLS=1000   real kills of a bank with all kinds of work under way: 3 to 7 minutes; SEED, DIRECTORY too
# make mutants  breaks each rule of the page Guarantees on purpose, in a copy, and sees whether its test fails: 15 to 20 minutes
# make model    checks a model of the commit protocol with spin, and that it refutes protocols with a fault: 4 minutes
# make fuzz     bytes that may come from anywhere, with libFuzzer: SECONDS=60 a target, two at a time (Fuzz/)
# make tsan     all tests under the thread sanitizer; FILTER=RuleR1Tests runs some
# make tsan-readers  a part of it for each change: readers beside a writer
# make asan     all tests under the address sanitizer, which tells of leaks, too; FILTER
# make bench    the benchmarks: 18 to 19 minutes; tables, .build/bench/results.json and charts
# make bench-smoke  all of the benchmarks, tiny: whether they work
# make bench-compare BASE=commit  whether rows are slower than in BASE: both builds by turns until new/old is known to 2 %,
#               at most 50 minutes beside the builds; ROWS="writes-uniq restore" runs some; fails below 0.97;
#               CLOCK=processor counts processor time, beside other work
# make bench-scale  stores of 1, 10 and 50 million keys: 7 minutes, 25 GB of disk
# make endurance MINUTES=60  a store at work for an hour at ten times its memory budget, killed every few minutes: whether
#               memory, latencies, disk and descriptors stay as they are; 5 GB of disk
# make bench-aggregate CSV=file   `tidemark aggregate` beside sqlite3, on a CSV file with CustomerID and Quantity
# make lint     formatting and documentation rules
# make format   formats the sources
# make build    the command alone, .build/release/tidemark
# make deps     installs what is missing (the others call it)
# make clean    removes what was built

SHELL := /bin/bash
# e2fsprogs: the tests of full disks make an ext4 file system where they can.
PACKAGES := librocksdb-dev libxxhash-dev libgmp-dev g++ e2fsprogs
FEDORA := rocksdb-devel xxhash-devel gmp-devel gcc-c++ e2fsprogs
NEEDS := RocksDB 7.8 or later, xxHash, GMP and a C++ standard library, with their headers
PRESENT := [ -e /usr/include/rocksdb/db.h ] && [ -e /usr/include/xxhash.h ] && [ -d /usr/include/c++ ] \
  && g++ -E -include gmp.h -x c /dev/null 2> /dev/null
# Swift's libraries linked in: a process starts sooner, and runs where there is no Swift. lld, as others warn of calls in
# those libraries.
RELEASE := swift build -c release --static-swift-stdlib -Xswiftc -use-ld=lld
FORMATTED := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Tests Fuzz/Package.swift Fuzz/Sources

.PHONY: demo test check build torture torture-kills mutants model fuzz tsan tsan-readers asan bench bench-smoke bench-compare \
  bench-scale endurance bench-aggregate lint format deps clean

demo: deps
	$(RELEASE) --product tidemark
	.build/release/tidemark demo

test: deps
	swift build --build-tests
	swift test --skip-build
	.build/debug/TortureProcess images --images 150 --seed 1
	.build/debug/TortureProcess histories --seconds 3 --seed 1
	.build/debug/TortureProcess damage --files 40 --seed 1

check: lint deps
	swift build --product TortureProcess
	.build/debug/TortureProcess images --images 5000 --seed 1
	.build/debug/TortureProcess faults --every 61 --seed 1
	.build/debug/TortureProcess histories --seconds 30 --seed 1
	.build/debug/TortureProcess damage --files 600 --seed 1
	.build/debug/TortureProcess isolation --seconds 10 --seed 1
	$(MAKE) bench-smoke

IMAGES ?= 100000
torture: deps
	$(RELEASE) --product TortureProcess
	.build/release/TortureProcess $(if $(IMAGES),--images $(IMAGES))

mutants: deps
	Mutants/run

# Not for those who build Tidemark: `deps` with other packages.
model:
	@$(MAKE) --no-print-directory deps PACKAGES="spin gcc libc6-dev" NEEDS="the spin model checker and gcc" \
	  FEDORA= PRESENT="command -v spin && command -v gcc && [ -e /usr/include/stdio.h ]"
	Model/run

SECONDS := 60
fuzz: deps
	Fuzz/run --seconds $(SECONDS) $(if $(FUZZ_SEED),--seed $(FUZZ_SEED))

# A crash that Swift looks into takes minutes.
sanitize = SWIFT_BACKTRACE=enable=no LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/foundation-leaks.txt:print_suppressions=0 \
  swift test --sanitize=$(1) --scratch-path .build/$(1) --disable-xctest \
  $(if $(FILTER),--filter "$(FILTER)")

tsan: deps
	$(call sanitize,thread)

# A part of it for each change: readers beside a writer.
tsan-readers: deps
	swift build --sanitize=thread --scratch-path .build/thread --product TortureProcess
	TSAN_OPTIONS=halt_on_error=1 .build/thread/debug/TortureProcess isolation --seconds 20 --seed 1

asan: deps
	$(call sanitize,address)

build: deps
	$(RELEASE) --product tidemark

KILLS := 1000
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
DIRECTORY := $(or $(TMPDIR),/tmp)

torture-kills: deps
	$(RELEASE) --product BankProcess
	.build/release/BankProcess torture $(KILLS) $(SEED) $(DIRECTORY)

bench: deps
	$(RELEASE) --package-path Benchmarks --product TidemarkBench
	Benchmarks/.build/release/TidemarkBench --output .build/bench

bench-smoke: deps
	swift build --package-path Benchmarks --build-tests
	swift test --package-path Benchmarks --skip-build
	Benchmarks/.build/debug/TidemarkBench --scale smoke --output .build/bench-smoke
	Benchmarks/.build/debug/TidemarkBench scale --keys 20000 --opens 1 --kills 2 --output .build/bench-smoke
	Benchmarks/.build/debug/TidemarkBench endurance --minutes 0.2 --budget 8 --times 2 --rate 500 --kill-every 3 \
	  --checkpoint-every 2 --only-correctness --output .build/bench-smoke

# The benchmarks of today on the library of BASE, changed by Benchmarks/Bases/COMMIT.patch if there is one.
COMPARED := .build/bench-compare
BASE_BENCH := $(COMPARED)/base/Benchmarks
bench-compare: deps
	@git rev-parse --quiet --verify "$(BASE)^{commit}" > /dev/null || { echo "BASE=commit names no commit" >&2; exit 2; }
	$(RELEASE) --package-path Benchmarks --product TidemarkBench
	@[ -e $(COMPARED)/base ] || git clone --quiet --shared --no-checkout . $(COMPARED)/base
	git -C $(COMPARED)/base checkout --quiet --force --detach "$$(git rev-parse "$(BASE)^{commit}")"
	rm -rf $(BASE_BENCH)/Sources $(BASE_BENCH)/Tests
	cp -a Benchmarks/Package.* Benchmarks/Sources Benchmarks/Tests $(BASE_BENCH)/
	@commit=$$(git rev-parse "$(BASE)^{commit}"); for patch in Benchmarks/Bases/*.patch; do \
	  case $$commit in "$$(basename $$patch .patch)"*) git -C $(COMPARED)/base apply --directory Benchmarks "$(CURDIR)/$$patch" || exit 1;; esac; \
	done
	@$(RELEASE) --package-path $(BASE_BENCH) --product TidemarkBench || { \
	  echo "The benchmarks don't compile with the library of $(BASE): say in Benchmarks/Bases/$(BASE).patch what they need" >&2; \
	  exit 1; }
	Benchmarks/.build/release/TidemarkBench compare-builds --base "$(BASE)" --old $(BASE_BENCH)/.build/release/TidemarkBench \
	  --output $(COMPARED) $(foreach row,$(ROWS),--row '$(row)') $(if $(CLOCK),--clock $(CLOCK))

bench-scale: deps
	$(RELEASE) --package-path Benchmarks --product TidemarkBench
	Benchmarks/.build/release/TidemarkBench scale --kills 20

MINUTES := 60
endurance: deps
	$(RELEASE) --package-path Benchmarks --product TidemarkBench
	Benchmarks/.build/release/TidemarkBench endurance --minutes $(MINUTES)

bench-aggregate: build
	Benchmarks/aggregate.sh "$(CSV)"

lint:
	swift format lint --strict --recursive $(FORMATTED)

format:
	swift format --in-place --recursive $(FORMATTED)

clean:
	swift package clean

# Present, or installed with apt-get as root or through sudo without a password, or named with what to do.
deps:
	@if { $(PRESENT); } > /dev/null; then exit 0; fi; \
	if ! command -v apt-get > /dev/null; then \
	  echo "Tidemark needs $(NEEDS)." >&2; \
	  echo "On Debian and Ubuntu the packages are: $(PACKAGES)." >&2; \
	  $(if $(FEDORA),echo "On Fedora they are: $(FEDORA)." >&2;) \
	  echo "Install the like with this system's package manager, then run make again." >&2; exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then run=""; \
	elif sudo -n true 2> /dev/null; then run="sudo -n"; \
	else echo "Packages are missing. Run: sudo apt-get install $(PACKAGES)" >&2; exit 1; fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$run apt-get update -qq && $$run apt-get install -y -qq --no-install-recommends $(PACKAGES)

# The whole way from a bare checkout: each target installs what is missing and builds first.
#
#   make           build/release/cleave
#   make test      build, then run every test but those in a browser
#   make test-browser
#                  build, then open reports in a browser; installs Chromium and Node as well
#   make demo      build, then plan a generated model on the devices of examples/devices
#   make install   into PREFIX (default /usr/local)
#   make format    clang-format every source
#   make clean     remove build/

PREFIX ?= /usr/local
build := build/release
cleave := $(build)/cleave
demo := $(build)/demo
jobs := $(shell nproc 2>/dev/null || echo 2)
launcher := $(if $(shell command -v ccache 2>/dev/null),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
clang_format := $(firstword $(shell command -v clang-format-14 clang-format 2>/dev/null))

.PHONY: build dependencies test test-browser demo install format clean

build: dependencies
	cmake --preset release $(launcher)
	cmake --build --preset release --parallel $(jobs)

dependencies:
	tools/install-dependencies

test: build
	ctest --preset release --parallel $(jobs) --label-exclude browser
	@echo "Not run: the report in a browser, which needs Chromium and Node; make test-browser does."

test-browser:
	tools/install-dependencies --browser
	npm ci --prefix tests/browser --no-audit --no-fund
	cmake --preset release $(launcher) -DCLEAVE_BROWSER_TESTS=ON
	cmake --build --preset release --parallel $(jobs) --target cleave
	ctest --preset release --label-regex browser --no-tests=error

demo: build
	mkdir -p $(demo)
	$(cleave) workload bert --training --layers 32 --hidden 3072 --heads 32 -o $(demo)/bert.json
	$(cleave) plan $(demo)/bert.json -d examples/devices/four-gpus.yaml -o $(demo)/plan.json
	$(cleave) check $(demo)/bert.json $(demo)/plan.json
	$(cleave) compare $(demo)/bert.json -d examples/devices/four-gpus.yaml

install: build
	cmake --install $(build) --prefix $(PREFIX)

format:
	git ls-files -z '*.h' '*.cc' | xargs -0 $(clang_format) -i

clean:
	rm -rf build

# The whole way from a bare checkout: each target installs what is missing and builds first.
#
#   make           build/release/cleave
#   make test      build, then run every test but those in a browser
#   make test-browser
#                  build, then open reports in a browser; installs Chromium and Node as well
#   make demo      build, then measure, split and run a generated model on two of this machine's cores
#   make install   into PREFIX (default /usr/local)
#   make format    clang-format every source
#   make clean     remove build/

PREFIX ?= /usr/local
build := build/release
cleave := $(build)/cleave
demo := $(build)/demo
this_machine := examples/devices/this-machine.yaml
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
	$(cleave) workload transformer --layers 6 --hidden 512 --heads 8 --onnx $(demo)/model.onnx
	$(cleave) profile $(demo)/model.onnx -d $(this_machine) -o $(demo)/profile.json
	$(cleave) split $(demo)/model.onnx -d $(this_machine) --profile $(demo)/profile.json \
	  -o $(demo)/stages --force
	$(cleave) run $(demo)/stages -o $(demo)/run.json
	$(cleave) report $(demo)/stages/plan.json --graph $(demo)/model.onnx -o $(demo)/report.html
	@echo "The stages are in $(demo)/stages, the plan as a page in $(demo)/report.html, the figures"
	@echo "of the run in $(demo)/run.json"

install: build
	cmake --install $(build) --prefix $(PREFIX)

format:
	git ls-files -z '*.h' '*.cc' | xargs -0 $(clang_format) -i

clean:
	rm -rf build

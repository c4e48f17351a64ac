# Builds a function together with flowgate-child, the program that it starts for code in workflows, into one zip.
# `sam build` includes this through the function's Makefile, and sets ARTIFACTS_DIR. It may run in a copy of the folder, so
# the workspace is found by this file's own path.
root := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)
built := $(root)/target/lambda

build-InvokeFunction build-WorkerFunction:
	cd "$(root)" && cargo lambda build --release --arm64 --lambda-dir "$(built)" -p $(function) -p flowgate-child
	cp "$(built)/$(function)/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"
	cp "$(built)/flowgate-child/bootstrap" "$(ARTIFACTS_DIR)/flowgate-child"

.PHONY: build-InvokeFunction build-WorkerFunction

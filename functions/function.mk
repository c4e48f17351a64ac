# Builds a function into its zip. `sam build` includes this through the function's Makefile, and sets ARTIFACTS_DIR. It may
# run in a copy of the folder, so the workspace is found by this file's own path.
# `beside` are more programs that go into the zip.
root := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)
built := $(root)/target/lambda

build-%:
	cd "$(root)" && cargo lambda build --profile functions --arm64 --lambda-dir "$(built)" -p $(function) $(beside:%=-p %)
	cp "$(built)/$(function)/bootstrap" "$(ARTIFACTS_DIR)/bootstrap"
	$(foreach program,$(beside),cp "$(built)/$(program)/bootstrap" "$(ARTIFACTS_DIR)/$(program)")

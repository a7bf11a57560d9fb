# Each target is one script of .ci/; variables reach them through the environment, so that paths may hold spaces.
.DEFAULT_GOAL := help
.PHONY: help run test soak setup fmt lint doc bench

# Unexpanded: in a path a $ is a $.
override export VIDEO := $(value VIDEO)
override export OUT := $(value OUT)
export ONCE PRESET PORT NAME

help:
	@echo 'make run      build and start everything, transcode a film, watch it:  make run VIDEO=film.mp4 PRESET=hls-adaptive PORT=8080'
	@echo '              the same for one film, then end:                         make run ONCE=1 VIDEO=clip.mp4 OUT=dir'
	@echo 'make test     run every test:                                          make test'
	@echo '              or those of some packages:                               .ci/test -p nats'
	@echo 'make soak     what takes too long for every change, such as all damaged files: make soak'
	@echo 'make setup    fetch all that run and test need, and nothing more:      make setup'
	@echo 'make fmt      format the code:                                         make fmt'
	@echo 'make lint     clippy, warnings are errors:                             make lint'
	@echo 'make doc      the documentation, warnings are errors:                  make doc'
	@echo 'make bench    one bench in release mode:                               make bench NAME=dispatch'

run:
	@exec .ci/up

test:
	@exec .ci/test

soak:
	@exec .ci/soak

setup:
	@exec .ci/setup test

fmt:
	cargo fmt --all

lint:
	cargo clippy --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

bench:
	@exec .ci/bench "$$NAME"

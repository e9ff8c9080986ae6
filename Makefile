# The two commands of the README, and what we run every day.
# Any Python from 3.11 on will do; PYTHON=... names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO := demo-output
TEST_HOME := $(CURDIR)/.test-home
ENGINE_TESTS := tests/real_engines
SERVER_TESTS := tests/server tests/engines/test_faster_whisper.py $(addprefix tests/cli/, test_config.py \
	test_yamabiko_whisper.py test_whisper_tasks.py test_text_nobody_said.py test_doctor_fix.py test_nasty.py \
	test_transcribe_faults.py test_engines_command.py)

# Byte code is made at the first start of a module, and not at every one.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-server test-engines lint bench score clean

demo: .venv/installed  ## transcribe the two bundled clips
	@$(BIN)/yamabiko transcribe src/yamabiko/clips --output_dir $(DEMO) --output_format txt,srt,json --overwrite
	@for file in $(DEMO)/*.txt $(DEMO)/*.srt; do echo; echo "==> $$file <=="; cat "$$file"; done
	@echo; $(BIN)/python scripts/show_receipts.py $(DEMO)/*.json

# Three at once: much of a test is waiting for a process to start. The installation beside them ends with them, by
# TERM: what a shell runs in the background does not hear Ctrl-C.
test: .venv/tested  ## everything that needs no GPU and no hub
	@echo "about eight minutes on two cores; the first run fetches two engines and two models; make test-server tests the server"
	@mkdir -p $(TEST_HOME); ( export YAMABIKO_HOME="$(TEST_HOME)"; trap 'kill $$now; wait $$now; exit' TERM; \
		for what in "engines install faster-whisper --profile cpu" "engines install silero-vad" "models pull tiny.en"; do \
			$(BIN)/yamabiko $$what & now=$$!; wait $$now; done ) >$(TEST_HOME)/prepared.log 2>&1 & prepared=$$!; \
	trap 'kill $$prepared 2>/dev/null; wait $$prepared' EXIT; trap 'exit 130' INT; \
	YAMABIKO_TEST_HOME="$(TEST_HOME)" $(BIN)/python -m pytest -n 3 --dist worksteal $(addprefix --ignore ,$(SERVER_TESTS) $(ENGINE_TESTS))

test-server: .venv/tested  ## the server, its settings, what takes long; ten minutes on two cores, on what make test has fetched
	YAMABIKO_TEST_HOME="$(TEST_HOME)" $(BIN)/python -m pytest -n 3 --dist worksteal $(SERVER_TESTS)

test-engines: .venv/tested  ## the other engines on their real code, each in its own environment, which is set up first
	YAMABIKO_TEST_HOME="$(TEST_HOME)-engines" $(BIN)/python -m pytest -n 2 --dist loadgroup --junitxml "$(TEST_HOME)-engines/report.xml" $(ENGINE_TESTS)

lint: .venv/tested
	$(BIN)/ruff check --no-cache src tests scripts
	$(BIN)/ruff format --no-cache --check src tests scripts
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed  ## timings and memory, as ratios within one run
	$(BIN)/python scripts/bench.py

score: .venv/installed  ## error rates on ../shared/data, ours beside plain faster-whisper
	$(BIN)/pip install --quiet --editable '.[score]'
	$(BIN)/python scripts/score_data.py

# --no-compile: the byte code of what is never imported is a fifth of the install. What every start reads is compiled, so
# that the first one is as quick as the next, also where the environment forbids Python to write byte code.
AT_START := annotated_doc click elftools filelock packaging platformdirs rich shellingham typer
.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "yamabiko needs Python 3.11 or newer; none was found on PATH"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable .
	@site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
		for package in $(AT_START); do test ! -d $$site/$$package || echo $$site/$$package; done | \
		xargs $(BIN)/python -m compileall -q src/yamabiko
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[test]'
	@touch $@

clean:
	rm -rf .venv $(DEMO) $(TEST_HOME) $(TEST_HOME)-engines

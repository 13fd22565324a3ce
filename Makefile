PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
VENV_UPSTREAM ?= .venv-upstream
VENV_LOWEST ?= .venv-lowest
LOWEST_TESTS := $(addprefix tests/,audio distances metrics plots report runs systems tables test_audio.py test_cards.py)
PIP_INSTALL := python -m pip install --quiet --disable-pip-version-check
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo demo-full results site test test-full test-gpu test-lowest test-upstream lint docs clean

# One command from a fresh clone to a table of six clips, a page to hear what is behind it, and a report: minutes.
demo: $(VENV)/.installed
	$(BIN)/m2l-bench reconstruct --task demo --models all
	$(BIN)/m2l-bench listen runs/demo -o runs/page
	$(BIN)/m2l-bench report runs --task demo -o runs/report.html

# The same over all thirty bundled clips.
demo-full: $(VENV)/.installed
	$(BIN)/m2l-bench reconstruct --models all
	$(BIN)/m2l-bench listen runs/bundled -o runs/page
	$(BIN)/m2l-bench report runs --task bundled -o runs/report.html

# The tables in `results/`, from the runs over the bundled clips that are here.
results: $(VENV)/.installed
	$(BIN)/m2l-bench tables runs --task bundled --results results

# The leaderboard of the submissions in `results/`, as a site without a server.
site: $(VENV)/.installed
	$(BIN)/m2l-bench leaderboard results/submissions/* --beside musiccaps37=paper -o site --title "Music autoencoders, measured"

test: $(VENV)/.installed-test lint
	$(PYTEST) -m "not full"

# Of some tests `make test` runs the small form: a narrow network, one notebook. This runs the large ones.
test-full: $(VENV)/.installed-test
	$(PYTEST) -m full

# What only a GPU shows; needs a PyTorch with CUDA in place of the one that was installed.
test-gpu: $(VENV)/.installed-test
	$(BIN)/pytest tests/gpu/test_real.py tests/gpu/test_triton_norm.py

# Embeddings and figures against the packages that others measure with, in an environment of its own (2 GB): they need
# numpy 1.
test-upstream: $(VENV_UPSTREAM)/.installed
	OMP_NUM_THREADS=2 $(VENV_UPSTREAM)/bin/pytest tests_upstream

# The quick tests with the lowest versions that pyproject.toml allows, in an environment of its own.
test-lowest: $(VENV_LOWEST)/.installed
	OMP_NUM_THREADS=1 $(VENV_LOWEST)/bin/pytest -m "not slow and not full and not gpu" $(LOWEST_TESTS)

# The documentation as a site: open build/site/index.html.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -e ".[plot]"
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -e ".[test]"
	# The renderer of the mini datasets asks for PyAudio, which does not build everywhere and which it does not need.
	$(BIN)/$(PIP_INSTALL) -c constraints.txt --no-deps tinysoundfont
	# Moûsai's networks ask for torchaudio, of which they use two classes that stand in for it here, and for
	# data-science-types, which writes over pandas-stubs.
	$(BIN)/$(PIP_INSTALL) -c constraints.txt --no-deps audio-diffusion-pytorch audio-encoders-pytorch a-unet
	# Linear consistency autoencoders ask for numpy 1 and Matplotlib without need, and for Python 3.11.
	$(BIN)/$(PIP_INSTALL) -c constraints.txt --no-deps "linear-cae ; python_version >= '3.11'"
	# AGC asks for torchaudio without need.
	$(BIN)/$(PIP_INSTALL) -c constraints.txt --no-deps audiogen-agc
	# PyTorch for CPUs comes without Triton, whose interpreter runs the kernels for GPUs in the tests.
	$(BIN)/python -c "import triton" 2>/dev/null || $(BIN)/$(PIP_INSTALL) --no-deps triton==3.9.0
	# The authors' trainer, beside their newer package of the same name: compared with, never used.
	$(BIN)/$(PIP_INSTALL) --no-deps --upgrade --target $(VENV)/official-0.1.7 music2latent==0.1.7
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/$(PIP_INSTALL) -c constraints.txt -e ".[docs]"
	touch $@

$(VENV_LOWEST)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV_LOWEST)
	$(VENV_LOWEST)/bin/$(PIP_INSTALL) uv
	$(VENV_LOWEST)/bin/uv pip compile --quiet --python $(VENV_LOWEST)/bin/python --resolution lowest-direct \
		--extra plot --extra probe pyproject.toml -o $(VENV_LOWEST)/lowest.txt
	$(VENV_LOWEST)/bin/$(PIP_INSTALL) -r $(VENV_LOWEST)/lowest.txt hypothesis pytest torchmetrics
	$(VENV_LOWEST)/bin/$(PIP_INSTALL) --no-deps -e .
	touch $@

$(VENV_UPSTREAM)/.installed: pyproject.toml constraints-upstream.txt
	$(PYTHON) -m venv $(VENV_UPSTREAM)
	$(VENV_UPSTREAM)/bin/$(PIP_INSTALL) -c constraints-upstream.txt -e ".[upstream,embeddings]" prdc pytest
	# Without its requirements, which fit beside no others: its network needs none of them.
	$(VENV_UPSTREAM)/bin/$(PIP_INSTALL) --no-deps descript-audio-codec==1.0.0
	touch $@

clean:
	rm -rf $(VENV) $(VENV_LOWEST) $(VENV_UPSTREAM) build dist .pytest_cache .mypy_cache .ruff_cache

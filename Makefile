# Each target is a task of tools/task.py, which runs where there is no make, too. `make` alone lists them.
PYTHON := $(shell command -v python3 || command -v python)
TASKS := venv demo dev test test-all lint types unit blender test-window test-window-all bench-window soak-batch faults soak-faults soak-files pictures bench corpus build lock clean real-blender

# `make corpus FOLDER`, `make bench latency`: the words after it are no targets but its arguments; a name with a
# space needs FOLDER="...".
ifneq (,$(filter corpus bench,$(firstword $(MAKECMDGOALS))))
ARGUMENTS := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
ifneq (,$(ARGUMENTS))
.PHONY: $(ARGUMENTS)
$(ARGUMENTS):
	@:
endif
ARGUMENTS += $(if $(FOLDER),"$(FOLDER)")
endif

.PHONY: help $(TASKS)
help:
	@$(PYTHON) tools/task.py
$(TASKS):
	@$(PYTHON) tools/task.py $@ $(ARGUMENTS)

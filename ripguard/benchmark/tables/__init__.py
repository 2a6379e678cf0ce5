"""The tables of README, docs and ``results/``: specs over :func:`ripguard.benchmark.table.table`."""

"""Measurements that the docs and notes quote. Each appends its result, with the commit, to `benchmarks/results`."""

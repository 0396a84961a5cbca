"""Figures for what the program exists for: ``python -m tests.bench [NAME ...] [--json]``.

Every workload runs the product as a process of its own against a simulated upstream in another
process, on the loopback. Figures are medians of several runs with their spread; what is compared
runs in turn. Nothing here asserts a time: machines differ, and these are noisy.
"""

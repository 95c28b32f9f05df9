"""Measurements of the whole system on this machine: `python -m benchmarks.<name> --help`. Never part of a timed test."""

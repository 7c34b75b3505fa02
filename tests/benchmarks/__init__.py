"""Benchmarks: figures that the product must reach, printed as plain lines."""

"""The page of the benchmarks, in a real browser."""

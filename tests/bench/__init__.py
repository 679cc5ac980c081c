"""Tests of the arithmetic, the plot and the published results of benchmarks/; none of them measures anything."""

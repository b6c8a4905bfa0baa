"""Benchmarks: what ingestion costs, beside what people would use instead."""

"""A set of sources as one job: found, mapped, surveyed and run together.

Each step ends in a value, which the command hands to the next: see `job`. What a single source needs is in
the modules of `pipeline`, which these use for each source.
"""

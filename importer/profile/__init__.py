"""What a source holds: one pass over its records, watched by observers that can be merged."""

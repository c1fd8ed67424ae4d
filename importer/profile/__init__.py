"""What a source holds: one pass over its records, which observers follow."""

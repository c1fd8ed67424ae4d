"""What people read of a set of sources: its plan, its summary, what to type next; and its options."""

"""What people type and see: commands, options, the plan, the summary, progress, what to type next."""

"""Records become events: mapping, types, times, ids and Mixpanel's rules."""

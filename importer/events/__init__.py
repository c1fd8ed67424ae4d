"""Records → events: mapping, types, times, ids, and the JSON that is sent."""

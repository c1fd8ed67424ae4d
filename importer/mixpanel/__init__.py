"""What Mixpanel documents: hosts, limits, and the rules for events. Everything here is pure."""

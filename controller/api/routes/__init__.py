"""The handlers, one file a room: each parses, calls, answers."""

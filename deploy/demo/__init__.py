"""A whole county on one machine, and the story it plays.

Law: the demo is an outsider. It starts processes, writes their files, speaks HTTP and the simulator's
control port, reads the boxes' outbox files, and imports neither side.
"""

"""Version constants of the wire, each with the rule that says when it moves."""

TOPIC_VERSION = "v1"
"""Second level of every topic. Moves only when old and new cannot share one broker."""

MESSAGE_VERSION = 1
"""Suffix ``.v1`` of every CloudEvents ``type``.

Adding an optional field does not move it: receivers ignore what they do not know. Removing a field,
changing a meaning or a unit does: then the old model stays beside the new one, with its golden files.
"""

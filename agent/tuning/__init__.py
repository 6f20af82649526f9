"""A recording before the box's own eyes: what would have been told of it, when, and why or why not.

Law: the very gate, decoder, judge and rules of the box, on the file's own times. No picture leaves but into
the file the user named, and masks are black in it.
"""

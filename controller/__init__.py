"""The county centre: knows the state of every village, opens incidents, feeds case systems."""

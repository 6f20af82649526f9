"""What a device is apart from its protocols: kind, make, identity, clock and accounts."""

"""From the broker into the database: validated, stored, committed, and only then acknowledged."""

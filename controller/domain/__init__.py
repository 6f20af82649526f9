"""Pure rules of the county: verdicts, intervals, incidents. No I/O, no clock, no database."""

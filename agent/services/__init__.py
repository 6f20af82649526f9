"""What the box does all day: watch, probe, listen, report, obey. Sees ports, never adapters."""

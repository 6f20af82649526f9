"""One village box: finds devices, knows their state, sees what happens, tells the centre."""

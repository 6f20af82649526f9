"""What is shipped around the software: the broker's rules and the demo."""

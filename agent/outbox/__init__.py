"""What must survive a power cut: log, ledger, command journal, stills waiting for upload."""

"""Plumbing both sides share: clock, worker loop, broker link, logs, files, monitor. No domain word."""

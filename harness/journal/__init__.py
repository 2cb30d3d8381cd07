"""The write-ahead record of lab changes, the only door through which the lab is changed, and recovery."""

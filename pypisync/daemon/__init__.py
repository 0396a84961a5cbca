"""The daemon: when things run, what is logged of it, and what systemd is told."""

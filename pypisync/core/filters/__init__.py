"""Which files are kept, and which the policy bars."""

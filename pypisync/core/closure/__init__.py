"""The selection: all that the roots need, kept up to date or made from nothing."""

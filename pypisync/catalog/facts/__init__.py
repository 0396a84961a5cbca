"""What upstream says, recorded; and what is still to be read."""

"""The environments that the mirror serves.

- ``targets``: the environments of the configuration; a set of them is a mask
- ``platforms``, ``marker_values``: the values of marker variables, and which go together
- ``marker_masks``: on which targets a marker can hold
- ``wheel_tags``: on which targets a wheel can be installed
- ``proof_targets``: each environment as one concrete machine

All rooms above may import it; it imports ``standards``.
"""

"""What upstream says, recorded; and what is still to be read.

- ``record``, with ``parsed`` and ``existing``: a document becomes rows; only changes are written
- ``pending``: the serial read up to, and the projects that are owed a document
- ``requirements``: requirements known, and those still to be read
- ``policy``, ``vulnerabilities``, ``lock_files``: what the policy, advisories and lock files add

Imported by the cycle, ``selection`` and ``publication``. Nothing here decides.
"""

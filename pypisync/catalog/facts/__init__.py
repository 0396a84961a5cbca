"""What upstream says, recorded; and what is still to be read.

- ``record``, with ``parsed``, ``existing``, ``file_rows``: a document becomes rows if it changed
- ``quarantine``: what upstream has quarantined, and which files are kept meanwhile
- ``pending``: the serial read up to, and the projects that are owed a document
- ``requirements``, ``readings``: requirements known, and those still to be read
- ``policy``, ``vulnerabilities``, ``lock_files``: what the policy, advisories and lock files add

Imported by ``selection``, ``publication``, ``bundles``, ``cycle`` and ``daemon``. Nothing here
decides.
"""

"""The daemon: when things run, what is logged of it, and what systemd is told.

- ``service``: the main loop: who leads, signals, systemd
- ``agenda``, ``jobs``: when which job runs, and what it does
- ``vitals``: whether the job that runs gets on
- ``signals``, ``notify``: signals as a queue; what systemd is told

Imported by ``cli``. One thread works, the main thread watches.
"""

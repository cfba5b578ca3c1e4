"""The lab backup-restore: a backup is a file with a digest, a restore makes a new cluster, and what
was written since is gone.
"""

from labs.catalogue.backup_restore.lab import LAB

__all__ = ["LAB"]

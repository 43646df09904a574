"""Bulk jobs: one endpoint is asked about the items of an archive, a manifest or a folder."""

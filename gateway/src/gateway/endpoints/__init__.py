"""The gateway's side of the endpoints, one file each; callers see `contract.endpoints`."""

"""Sizes that every process of the mesh must agree on."""

# The public limit of an image (seed: 10 MB) in the binary reading, so that 10 MB passes in both.
MAX_IMAGE_BYTES = 10 * 1024 * 1024

# One message: the largest image and the fields around it.
MAX_MESSAGE_BYTES = 11 * 1024 * 1024

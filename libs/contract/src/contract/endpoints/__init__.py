"""The endpoints, one file each: parameters, answer, and words for the documentation."""

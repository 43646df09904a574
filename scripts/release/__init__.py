"""Release of the images and the chart: registry, SBOM, provenance, signature."""

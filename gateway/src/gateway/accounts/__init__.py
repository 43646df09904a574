"""Who asks and who pays: keys, limits, credits and what was used."""

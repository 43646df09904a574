"""Networks of other projects, written from their papers, whose published weights are pulled."""

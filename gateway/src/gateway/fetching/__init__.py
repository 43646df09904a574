"""Pictures fetched by URL, from servers that are not trusted."""

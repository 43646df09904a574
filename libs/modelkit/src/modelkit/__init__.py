"""Model kit: images, the manifest of models, their loading, queues and threads."""

"""How a model is run: images, the models manifest, loading and the thread that owns a model."""

"""The same model behind this project's server and behind other model servers."""

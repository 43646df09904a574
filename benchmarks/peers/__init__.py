"""The same model behind other model servers and behind ours."""

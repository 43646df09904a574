"""Pictures that the gateway hosts itself."""

"""Images and documents that the gateway hosts itself."""

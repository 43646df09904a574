"""The `imagemesh` commands of an operator."""

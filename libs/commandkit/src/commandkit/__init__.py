"""The command `imagemesh`: its dispatcher, exit codes and tables."""

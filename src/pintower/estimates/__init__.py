"""How long stages take on this machine: a measured pace times what they will do."""

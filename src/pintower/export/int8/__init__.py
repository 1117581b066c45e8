"""Static int8: activation scales fixed beforehand, so that no text moves another's embedding."""

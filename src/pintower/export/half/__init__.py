"""fp16: an encoder's weights and products in half precision, for GPUs."""

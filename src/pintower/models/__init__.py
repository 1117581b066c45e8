"""The networks and the folders they are kept in: encoders, scoring head, student."""

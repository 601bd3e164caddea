"""The model of this project without Keras: hand-written training loops, one module per framework."""

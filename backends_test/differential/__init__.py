"""Compares accelerated models with stock Keras, in random cases drawn by Hypothesis.

A case is a model with recurrent layers, a change that a program makes to it afterwards, and a consumer: code that
calls, trains, differentiates, exports or copies the model. The consumer must return the same numbers for the stock
model and for the accelerated one. It may fail if it fails with stock Keras.
"""

"""Accelerated models against stock Keras, on models, changes and consumers that Hypothesis draws.

A case is a model with recurrent layers, a change that a program makes to it afterwards, and a consumer: somebody who
calls it, trains it, differentiates it, exports it, copies it. The consumer gets the stock model, and the same model
accelerated, and must find the same numbers. Where it fails with stock Keras, it may fail.
"""

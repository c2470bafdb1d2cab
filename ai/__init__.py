"""The director: what is asked of a model, the models that answer, and what is believed of their answers.

Plain Python: it knows neither Django nor any other package of the project.
"""

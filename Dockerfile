# Scores reviews with a saved model; neither Keras nor a backend is installed.
#   docker build --tag reviews .
#   docker run --rm --volume "$PWD/my-model:/model:ro" reviews /model "A wonderful film, I loved it."
FROM python:3.13-slim
COPY . /src
RUN pip install --no-cache-dir /src
RUN useradd --create-home reader
USER reader
ENTRYPOINT ["imdb-rnn", "predict"]

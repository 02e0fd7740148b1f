# unseg on a processor, without PyTorch. From the root of the repository:
#   docker build -f docker/cpu.Dockerfile -t unseg .
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD/photos:/photos:ro" -v "$PWD/out:/out" unseg protect /photos /out
FROM python:3.13-slim
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE /src/
COPY unseg_cli /src/unseg_cli
COPY weights /src/weights
RUN pip install --no-cache-dir --constraint /src/constraints.txt /src && rm -r /src
ENV UNSEG_HOME=/tmp/unseg
ENTRYPOINT ["unseg"]
CMD ["--help"]

# unseg on an NVIDIA GPU, with everything that `train` and `bench` need. PyTorch brings its own CUDA libraries. From the root of the repository:
#   docker build -f docker/cuda.Dockerfile -t unseg:cuda .
#   docker run --rm --gpus all -u "$(id -u):$(id -g)" -v "$PWD/photos:/photos:ro" -v "$PWD/out:/out" unseg:cuda protect /photos /out
FROM python:3.13-slim
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE /src/
COPY unseg_cli /src/unseg_cli
COPY weights /src/weights
RUN pip install --no-cache-dir --constraint /src/constraints.txt '/src[train,bench]' && rm -r /src
ENV UNSEG_HOME=/tmp/unseg
ENTRYPOINT ["unseg"]
CMD ["--help"]

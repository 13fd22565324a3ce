# The demo in a container: docker build -t m2l-bench . && docker run --rm -v "$PWD/output:/output" m2l-bench
FROM python:3.11-slim
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
WORKDIR /m2l-bench
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ".[plot]"
WORKDIR /output
CMD m2l-bench reconstruct --models all && m2l-bench listen runs/bundled -o page && m2l-bench report

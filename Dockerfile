# Build: a virtual environment with Mynah in it. The CPU build of torch is much smaller than the default one on
# Linux: give the address of PyTorch's CPU index as --build-arg PIP_EXTRA_INDEX_URL=... (compose takes it from the
# environment).
FROM python:3.11-slim AS build
ARG PIP_EXTRA_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/mynah
ENV PATH=/opt/mynah/bin:$PATH
COPY constraints.txt ./
# In a layer of its own: it is the largest and changes least.
RUN pip install -c constraints.txt torch
# For the kernel that voices speak with; without, they would speak half as fast.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY pyproject.toml setup.py README.md LICENSE ./
COPY data data
COPY trainer trainer
COPY bot bot
RUN pip install -c constraints.txt .

# Run: the environment alone, as a user without rights, with one volume for everything that is written.
FROM python:3.11-slim
# For pictures: letters of most scripts, emoji in colours, and what joins Arabic letters (Pillow looks for it).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji libfribidi0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 mynah && install -d -o mynah -g mynah /var/lib/mynah
COPY --from=build /opt/mynah /opt/mynah
ENV PATH=/opt/mynah/bin:$PATH \
    MYNAH_HOME=/var/lib/mynah \
    HF_HOME=/var/lib/mynah/hub \
    PYTHONUNBUFFERED=1
# By number, so that an orchestrator can see that it is not root.
USER 1000
WORKDIR /var/lib/mynah
VOLUME /var/lib/mynah
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s CMD ["mynah", "doctor", "--quick"]
# As process 1, Mynah hears only the signals that it handles; SIGINT is one in every command.
STOPSIGNAL SIGINT
ENTRYPOINT ["mynah"]
CMD ["run"]

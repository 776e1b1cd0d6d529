"""Compiles the kernel that voices speak with; all else that installing needs to know is in pyproject.toml."""

from setuptools import Extension, setup

KERNEL = Extension(
    "trainer.engine._kernel",  # no module of Python: ctypes calls it
    ["trainer/engine/native/gpt2.c"],
    depends=[f"trainer/engine/native/{name}.h" for name in ("attention", "matrix", "model", "team", "vector")],
    optional=True,  # without a C compiler, or on another kind of processor, OpenVINO speaks instead
    extra_compile_args=[
        *("-std=gnu11", "-O3", "-pthread", "-Wall", "-Wextra"),
        *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni", "-mprefer-vector-width=512"),
        # Sums may be added up in another order: without that, nothing but the matrices would be vectorised.
        *("-fassociative-math", "-fno-math-errno", "-fno-signed-zeros", "-fno-trapping-math"),
    ],
    extra_link_args=["-pthread"],
    libraries=["m"],
)

setup(ext_modules=[KERNEL])

"""Starts awslambdaric in the functions' interpreter, with the search path of Lambda's runtime.

The first argument is the folder of the layers, Lambda's /opt. For a function with a debugger there
are two more: the folder of the package debugpy, and the port to listen on. The runtime is imported
before the function's folders are on the path, as on Lambda.
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import importlib.util
import os
import site
import sys

from awslambdaric.__main__ import main as run


def listen_for_debugger(package: str, port: int) -> None:
    """Import debugpy from its folder, without the packages beside it, and listen."""
    spec = importlib.util.spec_from_file_location(
        "debugpy", f"{package}/__init__.py", submodule_search_locations=[package]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"There is no package debugpy in {package}.")
    debugpy = importlib.util.module_from_spec(spec)
    sys.modules["debugpy"] = debugpy
    spec.loader.exec_module(debugpy)
    # An adapter in a process of its own would outlive this one, and keep the port.
    debugpy.listen(("127.0.0.1", port), in_process_debug_adapter=True)


def main() -> None:
    of_layers = f"{sys.argv[1]}/python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = f"{of_layers}/lib/{version}/site-packages"
    task = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[:0] = [task, site_packages, of_layers]
    for folder in (task, site_packages, of_layers):
        site.addsitedir(folder)  # reads .pth files; adds no folder twice
    if sys.argv[2:]:
        listen_for_debugger(sys.argv[2], int(sys.argv[3]))
    run(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()

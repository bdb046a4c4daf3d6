"""Starts awslambdaric in the functions' interpreter, with the search path of Lambda's runtime.

The argument is the folder of the layers, Lambda's /opt. The runtime is imported before the
function's folders are on the path, as Lambda does.
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import os
import site
import sys

from awslambdaric.__main__ import main as run


def main() -> None:
    of_layers = f"{sys.argv[1]}/python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = f"{of_layers}/lib/{version}/site-packages"
    task = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[:0] = [task, site_packages, of_layers]
    for folder in (task, site_packages, of_layers):
        site.addsitedir(folder)  # reads .pth files; adds no folder twice
    run(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()

